"""What well-known extensions bring: a table that uses it can only live where the extension is."""

from __future__ import annotations

_TYPES = {
    "vector": "vector halfvec sparsevec",
    "postgis": "geometry geography raster",
    "citext": "citext",
    "hstore": "hstore",
    "ltree": "ltree lquery ltxtquery",
    "cube": "cube",
    "isn": "ean13 isbn issn",
}
# Functions, and classes of operators in the definition of an index.
_OTHERS = {
    "vector": "vector_cosine_ops vector_ip_ops vector_l1_ops vector_l2_ops halfvec_cosine_ops halfvec_ip_ops "
    "halfvec_l2_ops sparsevec_cosine_ops sparsevec_ip_ops sparsevec_l2_ops bit_hamming_ops bit_jaccard_ops",
    "pg_trgm": "gin_trgm_ops gist_trgm_ops similarity word_similarity strict_word_similarity show_trgm",
    "pgcrypto": "crypt gen_salt digest hmac pgp_sym_encrypt pgp_sym_decrypt pgp_pub_encrypt pgp_pub_decrypt",
    "uuid-ossp": "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5",
    "unaccent": "unaccent",
    "fuzzystrmatch": "levenshtein soundex metaphone dmetaphone",
    "intarray": "gin__int_ops gist__int_ops",
    "tablefunc": "crosstab connectby",
    "timescaledb": "create_hypertable add_retention_policy add_compression_policy",
}
_EXTENSIONS = {
    name: extension for table in (_TYPES, _OTHERS) for extension, names in table.items() for name in names.split()
}
_EXTENSIONS_OF_TYPES = {name: extension for extension, names in _TYPES.items() for name in names.split()}


def extension_of(name: str, *, is_type: bool = False) -> str | None:
    """Return the extension that a type, a function or a class of operators comes from, as far as that is known."""
    return (_EXTENSIONS_OF_TYPES if is_type else _EXTENSIONS).get(name)
