"""The tagger in Keras 3: python modern_tagger.py MODEL.keras TRAINED.keras goes on with a model."""

import sys

import corpus
import keras
import numpy as np
from keras import ops

WORD_SIZE, CHAR_SIZE, CHAR_UNITS, UNITS = 24, 12, 16, 32
BATCH, RATE, RATE_DECAY, CLIP, DROPOUT = 20, 0.01, 0.9, 5.0, 0.2
STEPS_PER_EPOCH = 30


@keras.saving.register_keras_serializable("tagger")
class EachWord(keras.layers.Wrapper):
    """Runs a recurrent layer over the characters of each word: [B, T, C, F] to [B, T, 2 U].

    The mask [B, T, C] says which of them are characters; of padding the layer gives zeros.
    """

    def build(self, input_shape, **_):
        """Builds the inner layer for [B T, C, F]."""
        self.layer.build((None, *input_shape[2:]))

    def call(self, embedded, mask=None):
        """All words of all sentences at once: the inner layer has B T rows."""
        batch, time, width = ops.shape(embedded)[:3]
        flat = ops.reshape(embedded, (batch * time, width, embedded.shape[-1]))
        states = self.layer(flat, mask=ops.reshape(mask, (batch * time, width)))
        return ops.reshape(states, (batch, time, states.shape[-1]))

    def compute_mask(self, inputs, mask=None):
        """A word is one that has characters: without this, Concatenate loses the words' mask."""
        return ops.any(mask, axis=-1)


def build_model(words, chars, tags):
    """The compiled model from words [B, T] and chars [B, T, C] to scores [B, T, tags]."""
    word_ids = keras.Input((None,), dtype="int32", name="words")
    char_ids = keras.Input((None, None), dtype="int32", name="chars")
    # Id 0 is padding: the mask is TF1's lengths, and reaches the loss through the layers.
    embedded_words = keras.layers.Embedding(words, WORD_SIZE, mask_zero=True, name="word_table")(
        word_ids
    )
    embedded_chars = keras.layers.Embedding(chars, CHAR_SIZE, mask_zero=True, name="char_table")(
        char_ids
    )
    both = keras.layers.Bidirectional(keras.layers.LSTM(CHAR_UNITS), name="both")
    of_chars = EachWord(both, name="chars_of_word")(embedded_chars)
    x = keras.layers.Concatenate()([embedded_words, of_chars])
    x = keras.layers.Dropout(DROPOUT)(x)
    lstm = keras.layers.LSTM(UNITS, return_sequences=True)
    x = keras.layers.Bidirectional(lstm, name="sentence")(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    scores = keras.layers.Dense(tags, name="scores")(x)
    model = keras.Model([word_ids, char_ids], scores)
    model.compile(
        # TF1's epsilon; the rate is what the program feeds in its first epoch.
        optimizer=keras.optimizers.Adam(RATE, epsilon=1e-8, global_clipnorm=CLIP),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def accuracy(model, rows, vocabulary):
    """The fraction of words with the right tag."""
    right = count = 0
    for words, chars, tags in corpus.batches(rows, vocabulary, BATCH):
        found = model.predict_on_batch([words, chars]).argmax(axis=-1)
        right += np.sum((found == tags) & (words > 0))
        count += np.sum(words > 0)
    return right / count


def main(source, target, epochs=1):
    """Trains with a rate that shrinks with each epoch, from where the checkpoint was."""
    rows, tests = corpus.sentences(600, seed=0), corpus.sentences(100, seed=1)
    vocabulary = corpus.Vocabulary(rows)
    model = keras.models.load_model(source)
    done = int(model.optimizer.iterations) // STEPS_PER_EPOCH
    for epoch in range(done, done + epochs):
        model.optimizer.learning_rate = RATE * RATE_DECAY**epoch
        losses = []
        for words, chars, tags in corpus.batches(rows, vocabulary, BATCH, seed=epoch):
            model.reset_metrics()  # else Keras returns the mean of the losses so far
            losses.append(model.train_on_batch([words, chars], tags))
        right = accuracy(model, tests, vocabulary)
        print(f"epoch {epoch + 1}  loss {np.mean(losses):.4f}  accuracy {right:.4f}")
    model.save(target)
    print("wrote", target)


if __name__ == "__main__":
    main(*sys.argv[1:3])
