"""The allow-lists a `GuardPolicy` starts from: functions, operators and cast types that only compute.

None of them reads a relation named in a string, changes state, talks to the outside, reveals the server, or runs for
long on a small argument; size arguments of the few that can grow are bounded in `constant_rules`.
"""

from __future__ import annotations

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


AGGREGATES: Final = _words(
    "count sum avg min max string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and bool_or",
    "every bit_and bit_or bit_xor stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp",
    "regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy mode percentile_cont",
    "percentile_disc grouping any_value range_agg range_intersect_agg",
)
WINDOW_FUNCTIONS: Final = _words(
    "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value"
)
CONDITIONAL: Final = _words("coalesce nullif greatest least num_nonnulls num_nulls row")
MATHEMATICS: Final = _words(
    "abs ceil ceiling floor round trunc sign sqrt cbrt exp ln log log10 power mod div gcd lcm pi random degrees",
    "radians",
    "sin cos tan cot",
    "asin acos atan atan2 sind cosd tand cotd asind acosd atand atan2d sinh cosh tanh asinh acosh atanh",
    "width_bucket scale min_scale trim_scale erf erfc bit_count pg_typeof",
)
TEXT: Final = _words(
    "length char_length character_length octet_length bit_length lower upper initcap left right lpad rpad ltrim rtrim",
    "btrim trim substr substring position strpos overlay replace translate reverse repeat split_part concat concat_ws",
    "format chr ascii md5 to_hex starts_with string_to_array array_to_string regexp_replace regexp_match",
    "regexp_matches regexp_split_to_array regexp_split_to_table regexp_count regexp_instr regexp_like regexp_substr",
    "string_to_table",
    "normalize quote_literal quote_ident quote_nullable to_ascii unistr sha224 sha256 sha384 sha512 encode decode",
    "convert_to convert_from",
)
TIME: Final = _words(
    "now current_date current_time current_timestamp localtime localtimestamp transaction_timestamp",
    "statement_timestamp clock_timestamp timeofday date_trunc date_part date_bin extract age date to_char to_date",
    "to_timestamp to_number make_date make_time make_timestamp make_timestamptz make_interval justify_days",
    "justify_hours justify_interval isfinite timezone date_add date_subtract",
)
JSON: Final = _words(
    "to_json to_jsonb row_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array json_object",
    "jsonb_object json_array_length jsonb_array_length json_extract_path jsonb_extract_path json_extract_path_text",
    "jsonb_extract_path_text json_typeof jsonb_typeof json_strip_nulls jsonb_strip_nulls jsonb_set jsonb_insert",
    "jsonb_set_lax jsonb_pretty jsonb_path_exists jsonb_path_match jsonb_path_query_array jsonb_path_query_first",
    "jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_contains",
    "json_value json_query json_exists json_scalar json_serialize json json_array json_arrayagg json_table",
    "jsonb_exists jsonb_exists_any jsonb_exists_all array_to_json",
)
ARRAYS_AND_RANGES: Final = _words(
    "array_length array_lower array_upper array_ndims array_dims cardinality array_position array_positions",
    "array_append array_prepend array_cat array_remove array_replace trim_array array_sort array_reverse lower_inc",
    "upper_inc lower_inf upper_inf isempty range_merge int4range int8range numrange tsrange tstzrange daterange",
    "int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange multirange array_sample",
)
FULL_TEXT: Final = _words(
    "to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline",
    "setweight strip numnode querytree tsvector_to_array",
)
NETWORK: Final = _words("abbrev broadcast family host hostmask masklen netmask network")
FURTHER: Final = _words(
    "casefold crc32 crc32c is_normalized unicode_assigned parse_ident textlen to_bin to_oct pow gamma lgamma get_bit",
    "get_byte uuid_extract_timestamp uuid_extract_version enum_first enum_last enum_range ts_delete",
)
IDENTIFIERS: Final = _words("gen_random_uuid uuidv4 uuidv7 point")
SETS: Final = _words("generate_series generate_subscripts unnest")

# Set-returning functions and the columns they have in FROM; all others have one, named after their alias.
SET_RETURNING_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "json_each": ("key", "value"),
    "jsonb_each": ("key", "value"),
    "json_each_text": ("key", "value"),
    "jsonb_each_text": ("key", "value"),
    "json_array_elements": ("value",),
    "jsonb_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements_text": ("value",),
    "json_object_keys": ("json_object_keys",),
    "jsonb_object_keys": ("jsonb_object_keys",),
    "jsonb_path_query": ("jsonb_path_query",),
    "json_to_record": (),
    "jsonb_to_record": (),
    "json_to_recordset": (),
    "jsonb_to_recordset": (),
}

# Functions whose result may be a row or an array of rows when an argument is one.
POLYMORPHIC_RESULTS: Final = _words(
    "unnest coalesce nullif greatest least array_append array_cat array_prepend array_remove array_replace",
    "array_reverse array_sample array_sort trim_array lower upper multirange range_merge array_agg min max mode",
    "any_value percentile_disc first_value last_value nth_value lag lead range_agg range_intersect_agg",
)

# Functions whose result is an array in every form they have.
ARRAY_RESULTS: Final = _words(
    "array_agg array_append array_cat array_positions array_prepend array_remove array_replace array_reverse",
    "array_sample array_sort enum_range parse_ident regexp_match regexp_split_to_array string_to_array trim_array",
    "tsvector_to_array",
)
# Expressions whose arguments and result have one type.
ONE_TYPE_OF_ALL: Final = _words("coalesce nullif greatest least")

FUNCTIONS: Final[frozenset[str]] = (
    AGGREGATES | WINDOW_FUNCTIONS | CONDITIONAL | MATHEMATICS | TEXT | TIME | JSON | ARRAYS_AND_RANGES | FULL_TEXT
    | NETWORK | FURTHER | IDENTIFIERS | SETS | frozenset(SET_RETURNING_COLUMNS)
)  # fmt: skip

OPERATORS: Final[frozenset[str]] = _words(
    "+ - * / % ^ = <> != < > <= >= || |/ ||/ @ & | # ~ << >> && -> ->> #> #>> #- @> <@ ? ?| ?& @? @@ -|- &< &> ~* !~",
    "!~* ~~ ~~* !~~ !~~* ^@ => <->",
)

CAST_TYPES: Final[frozenset[str]] = _words(
    "BOOLEAN SMALLINT INT BIGINT DECIMAL FLOAT DOUBLE TEXT VARCHAR CHAR BPCHAR DATE TIME TIMETZ TIMESTAMP TIMESTAMPTZ",
    "TIMESTAMPNTZ INTERVAL JSON JSONB UUID ARRAY MONEY INET DATERANGE TSRANGE TSTZRANGE NUMRANGE INT4RANGE INT8RANGE",
    "DATEMULTIRANGE TSMULTIRANGE TSTZMULTIRANGE NUMMULTIRANGE INT4MULTIRANGE INT8MULTIRANGE POINT VARBINARY BIT",
)
# Type names sqlglot leaves as written.
CAST_TYPE_NAMES: Final[frozenset[str]] = _words("tsvector tsquery jsonpath bpchar")
