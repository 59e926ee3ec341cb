"""Words that say nothing of what is wrong."""

STOP = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "but", "by", "do", "does", "for", "from", "has"}
    | {"have", "how", "i", "if", "in", "is", "it", "its", "my", "not", "of", "on", "or", "so"}
    | {"than", "that", "the", "then", "this", "to", "was", "what", "when", "where", "which"}
    | {"why", "with", "you"}
)
