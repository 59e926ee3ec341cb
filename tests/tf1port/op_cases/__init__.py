"""Cases of each op that tf1port.keras_model.op_table translates, by the same subjects."""
