"""Idioms around sequences, S2…: decoders, attention, tagging, losses of sequences, embeddings."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

ALL = [
    idiom(
        201, "attention of seq2seq",
        "tf.contrib.seq2seq.{BahdanauAttention,LuongAttention,BahdanauMonotonicAttention,"
        "LuongMonotonicAttention,AttentionMechanism,monotonic_attention,safe_cumprod,hardmax}",
        CONVERTED, "keras.layers.AdditiveAttention or Attention, with their Dense before them",
        "P31 P94", LARGE,
    ),
    idiom(
        202, "attention around a decoder's cell",
        "tf.contrib.seq2seq.{AttentionWrapper,AttentionWrapperState,DynamicAttentionWrapper}",
        CONVERTED, "a cell class of one's own: tf1port convert writes it", "P34", LARGE,
    ),
    idiom(
        203, "decoder that is taught",
        "tf.contrib.seq2seq.{TrainingHelper,CustomHelper,ScheduledEmbeddingTrainingHelper,"
        "ScheduledOutputTrainingHelper,simple_decoder_fn_train,attention_decoder_fn_train}",
        CONVERTED, "keras.layers.RNN over the targets, shifted by one step", "P31 P34 P93", MEDIUM,
    ),
    idiom(
        204, "decoder that samples",
        "tf.contrib.seq2seq.{GreedyEmbeddingHelper,SampleEmbeddingHelper,InferenceHelper,"
        "simple_decoder_fn_inference,attention_decoder_fn_inference}",
        BY_HAND, "a loop over the cell, its output fed back, until all have ended", "P33", LARGE,
    ),
    idiom(
        205, "beam search",
        "tf.contrib.seq2seq.{BeamSearchDecoder,BeamSearchDecoderState,BeamSearchDecoderOutput,"
        "FinalBeamSearchDecoderOutput,tile_batch,gather_tree,gather_tree_from_array}",
        BY_HAND, "keras_hub.samplers.BeamSampler, or a loop of one's own", "", LARGE,
    ),
    idiom(
        206, "decoder",
        "tf.contrib.seq2seq.{BasicDecoder,BasicDecoderOutput,Decoder,dynamic_decode,"
        "dynamic_rnn_decoder,Helper}",
        CONVERTED, "keras.layers.RNN over the cell, then the output layer", "P32", LARGE,
    ),
    idiom(
        207, "loss of a sequence",
        "tf.contrib.{seq2seq.sequence_loss,legacy_seq2seq.sequence_loss,"
        "legacy_seq2seq.sequence_loss_by_example} tf.nn.seq2seq.sequence_loss*",
        REWRITTEN, "SparseCategoricalCrossentropy with sample_weight=mask, by the mask's sum",
        "P31 P38 P39 P79 P89", MEDIUM,
    ),
    idiom(
        208, "seq2seq of the first releases",
        "tf.contrib.legacy_seq2seq.* tf.nn.seq2seq.* tf.contrib.seq2seq.*", BY_HAND,
        "an encoder, a decoder, and the encoder's states as initial_state", "P34", LARGE,
    ),
    idiom(
        210, "CRF",
        "tf.contrib.crf.*", BY_HAND,
        "a loss of one's own from the same equations; viterbi in keras.ops or NumPy", "P31 P91",
        LARGE,
    ),
    idiom(
        211, "CTC loss", "tf.nn.ctc_loss", BY_HAND,
        "keras.losses.CTC: blank is the first class there, the last one in TF1", "P38 P39 P90",
        MEDIUM,
    ),
    idiom(
        212, "CTC decoder", "tf.nn.{ctc_greedy_decoder,ctc_beam_search_decoder} tf.contrib.ctc.*",
        BY_HAND, "keras.ops.ctc_decode: blank is the first class there", "P90", MEDIUM,
    ),
    idiom(
        213, "sampled softmax or NCE", "tf.nn.{sampled_softmax_loss,nce_loss}",
        BY_HAND, "a loss of one's own; full softmax where the classes are few enough",
        "P38 P39 P92",
        LARGE,
    ),
    idiom(
        214, "embedding", "tf.nn.embedding_lookup", CONVERTED,
        "keras.layers.Embedding(rows, n); Adam squares sparse gradients otherwise",
        "P66",
    ),
    idiom(
        215, "sum or mean of embeddings",
        "tf.nn.{embedding_lookup_sparse,safe_embedding_lookup_sparse}", BY_HAND,
        "keras.layers.Embedding, then the sum or mean over what is there", "P66 P98", MEDIUM,
    ),
    idiom(
        216, "partitioned embedding", "tf.nn.embedding_lookup", BY_HAND,
        "one table: tf1port joins a partitioned variable's parts", "P66",
        argument="partition_strategy:2",
    ),
    idiom(
        217, "sampling of the next id", "tf.{multinomial,random.multinomial}", REWRITTEN,
        "keras.random.categorical(logits, n)",
    ),
    idiom(
        218, "edit distance", "tf.edit_distance", BY_HAND,
        "tf.edit_distance still computes it, of sparse tensors",
    ),
    idiom(
        219, "ids of words", "tf.contrib.lookup.* tf.contrib.learn.preprocessing.*", BY_HAND,
        "keras.layers.StringLookup or TextVectorization, with the same vocabulary", "", MEDIUM,
    ),
    idiom(
        220, "tables in the graph", "tf.lookup.*", BY_HAND,
        "keras.layers.StringLookup with the same vocabulary and place of unknown words", "",
        MEDIUM, legacy_only=True,
    ),
    idiom(
        221, "weights of a masked loss", "tf.losses.*", REWRITTEN,
        "sample_weight=; TF1 divides by the number of weights that are not 0", "P31 P38 P39 P89",
        argument="weights",
    ),
    idiom(
        222, "label smoothing", "tf.losses.{softmax_cross_entropy,sigmoid_cross_entropy}",
        REWRITTEN, "label_smoothing= of keras.losses.CategoricalCrossentropy", "P44",
        argument="label_smoothing",
    ),
]  # fmt: skip
