-- One statement a line, as analysts write them. {F} is a table of facts, {D} one of a hierarchy it belongs to; other
-- braces are their columns and titles; «a|b» stands for either text. tools/guard_corpus.py fills them in.
-- sums, filters, buckets
SELECT «count(*)|count({dim})|count(DISTINCT {dim})|sum({amt})|avg({amt})|max({day})|min({at})|stddev_samp({amt})|count(DISTINCT ({dim}, {kind}))» AS {t1} FROM {F} «|WHERE {del} IS NULL|WHERE {ok}|WHERE NOT {ok} AND {qty} > 3»
SELECT {kind}, «sum({amt})|round(avg({amt}), 2)|sum({qty})|count(*) FILTER (WHERE {ok})|sum({amt} * {qty})|max({amt}) - min({amt})» AS {t1} FROM {F} WHERE {day} «>= DATE '2024-01-01'|BETWEEN '2024-01-01' AND '2024-03-31'|>= CURRENT_DATE - 30|>= CURRENT_DATE - INTERVAL '3 months'|= 'yesterday'::date» GROUP BY «{kind}|1» ORDER BY «{t1} DESC|2 DESC NULLS LAST|{kind}» «|LIMIT 10|LIMIT 10 OFFSET 20|FETCH FIRST 5 ROWS ONLY»
SELECT d.{name}, «sum(f.{amt})|coalesce(sum(f.{amt}), 0)|count(f.{id})» AS {t1} FROM {D} d «JOIN|LEFT JOIN|INNER JOIN|RIGHT OUTER JOIN» {F} f ON f.{dim} = d.{d_id} «|AND f.{del} IS NULL» GROUP BY d.{name} «|HAVING sum(f.{amt}) > 1000|HAVING count(*) BETWEEN 2 AND 50» ORDER BY 2 DESC
SELECT «date_trunc('month', {day})::date|date_trunc('week', {at})|to_char({day}, 'YYYY-MM')|extract(year FROM {day})|date_part('hour', {at})|{at}::date|to_char({at}, 'IYYY"W"IW')|extract(isodow FROM {day})|date_bin('15 minutes', {at}, TIMESTAMPTZ '2024-01-01 00:00+08')» AS {t2}, sum({amt}) AS {t1}, count(*) FROM {F} GROUP BY 1 ORDER BY 1
SELECT CASE WHEN {amt} < 100 THEN '«low|低|A»' WHEN {amt} < 1000 THEN 'mid' ELSE 'high' END AS {t2}, count(*) AS {t1}, round(100.0 * count(*) / sum(count(*)) OVER (), «1|2») AS pct FROM {F} GROUP BY 1 ORDER BY «2 DESC|1»
SELECT «width_bucket({amt}, 0, 5000, 10)|floor({amt} / 100) * 100|ntile(4) OVER (ORDER BY {amt})|ceil({amt} / 50.0)» AS {t2}, {amt} FROM {F} WHERE {amt} IS NOT NULL ORDER BY 1, 2 LIMIT 50
SELECT {kind}, sum({amt}) FILTER (WHERE extract(month FROM {day}) = «1|6|12») AS {t1}, sum(CASE WHEN {ok} THEN {amt} ELSE 0 END) AS {t2}, count(*) FILTER (WHERE {note} «IS NOT NULL|ILIKE '%vip%'|~ '^[0-9]+$'|NOT LIKE '%测试%'») FROM {F} GROUP BY {kind}
SELECT {dim}, «bool_and({ok})|bool_or({ok})|every({qty} > 0)|mode() WITHIN GROUP (ORDER BY {kind})|string_agg(DISTINCT {kind}, ', ' ORDER BY {kind})|array_agg({day} ORDER BY {day} DESC)|any_value({kind})|corr({amt}, {qty})|regr_slope({amt}, {qty})|bit_or({qty})» AS {t1} FROM {F} GROUP BY {dim}
SELECT percentile_«cont|disc»(«0.5|0.9|ARRAY[0.25, 0.5, 0.75]») WITHIN GROUP (ORDER BY {amt}) AS {t1} FROM {F} «|WHERE {kind} = 'a'»
SELECT {kind}, percentile_cont(0.5) WITHIN GROUP (ORDER BY {amt}::float8) FILTER (WHERE {amt} > 0) AS {t1}, rank(«100|250.5») WITHIN GROUP (ORDER BY {amt}) FROM {F} GROUP BY {kind}
SELECT {kind}, {dim}, sum({amt}) AS {t1}, grouping({kind}, {dim}) AS g FROM {F} GROUP BY «ROLLUP ({kind}, {dim})|CUBE ({kind}, {dim})|GROUPING SETS (({kind}, {dim}), ({kind}), ())|GROUPING SETS (ROLLUP ({kind}), CUBE ({dim}))|{kind}, ROLLUP ({dim})|DISTINCT ROLLUP ({kind}, {dim}), ROLLUP ({kind})» ORDER BY g, 1 NULLS LAST
SELECT CASE WHEN grouping({kind}) = 1 THEN '«合计|Total»' ELSE {kind} END AS {t2}, sum({amt}) AS {t1} FROM {F} GROUP BY ROLLUP ({kind}) ORDER BY grouping({kind}), 2 DESC
SELECT {kind} FROM {F} GROUP BY {kind} HAVING count(DISTINCT date_trunc('month', {day})) = (SELECT count(DISTINCT date_trunc('month', {day})) FROM {F})
SELECT coalesce(nullif(trim({note}), ''), '«未知|unknown»') AS {t2}, count(*) AS {t1} FROM {F} GROUP BY 1 ORDER BY 2 DESC LIMIT «5|20»
-- windows
SELECT {day}, sum({amt}) AS {t1}, sum(sum({amt})) OVER («ORDER BY {day}|PARTITION BY date_trunc('month', {day}) ORDER BY {day}|ORDER BY {day} ROWS BETWEEN 6 PRECEDING AND CURRENT ROW|ORDER BY {day} RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW|ORDER BY {day} ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW») AS {t2} FROM {F} GROUP BY {day} ORDER BY {day}
SELECT * FROM (SELECT {dim}, {day}, {amt}, «row_number()|rank()|dense_rank()|percent_rank()|cume_dist()» OVER (PARTITION BY {dim} ORDER BY {amt} DESC«| NULLS LAST», {id}) AS rn FROM {F}) q WHERE rn <= «1|3»
SELECT {day}, {amt}, «lag({amt})|lead({amt}, 7)|lag({amt}, 1, 0)|first_value({amt})|last_value({amt})|nth_value({amt}, 2)» OVER w AS {t1}, {amt} - lag({amt}) OVER w AS {t2} FROM {F} WINDOW w AS (PARTITION BY {dim} ORDER BY {day})
WITH m AS (SELECT date_trunc('«month|quarter|week»', {day})::date AS p, sum({amt}) AS s FROM {F} GROUP BY 1) SELECT p, s, round((s / nullif(lag(s) OVER (ORDER BY p), 0) - 1) * 100, 2) AS {t1}, lag(s, «12|4») OVER (ORDER BY p) AS {t2} FROM m ORDER BY p
SELECT {kind}, {amt}, avg({amt}) OVER (PARTITION BY {kind}) AS {t1}, {amt} / nullif(sum({amt}) OVER (), 0) AS {t2}, max({amt}) OVER (w «ROWS|GROUPS» BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM {F} WINDOW w AS (ORDER BY {day})
WITH g AS (SELECT {dim}, {day}, {day} - (row_number() OVER (PARTITION BY {dim} ORDER BY {day}))::int AS island FROM (SELECT DISTINCT {dim}, {day} FROM {F}) u) SELECT {dim}, min({day}) AS a, max({day}) AS b, count(*) AS {t1} FROM g GROUP BY {dim}, island HAVING count(*) >= «2|5» ORDER BY {t1} DESC
SELECT {dim}, {day}, count(*) FILTER (WHERE {ok}) OVER (PARTITION BY {dim} ORDER BY {day}) AS {t1}, sum({qty}) OVER (PARTITION BY {dim} ORDER BY {day} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS {t2} FROM {F} ORDER BY 1, 2
WITH t AS (SELECT {dim}, sum({amt}) AS s FROM {F} GROUP BY 1), r AS (SELECT *, sum(s) OVER (ORDER BY s DESC) / sum(s) OVER () AS share FROM t) SELECT {dim}, s, round(share * 100, 1) AS {t1}, CASE WHEN share <= 0.8 THEN 'A' WHEN share <= 0.95 THEN 'B' ELSE 'C' END AS {t2} FROM r ORDER BY s DESC
-- subqueries, laterals, sets
SELECT d.{name} FROM {D} d WHERE «EXISTS|NOT EXISTS» (SELECT 1 FROM {F} f WHERE f.{dim} = d.{d_id} «|AND f.{day} >= '2024-01-01'|AND f.{amt} > 10»)
SELECT {name} FROM {D} WHERE {d_id} «IN|NOT IN|= ANY|<> ALL» (SELECT {dim} FROM {F} WHERE {amt} > «100|1e3» AND {dim} IS NOT NULL)
SELECT d.{name}, (SELECT «max(f.{day})|sum(f.{amt})|count(*)» FROM {F} f WHERE f.{dim} = d.{d_id}) AS {t1} FROM {D} d ORDER BY 2 DESC NULLS LAST
SELECT d.{name}, x.{day}, x.{amt} FROM {D} d «JOIN LATERAL|LEFT JOIN LATERAL» (SELECT f.{day}, f.{amt} FROM {F} f WHERE f.{dim} = d.{d_id} ORDER BY f.{amt} DESC LIMIT «1|3») x ON true
SELECT d.{name}, x.* FROM {D} d«, LATERAL| CROSS JOIN LATERAL» (SELECT max({day}) AS a, sum({amt}) AS b FROM {F} WHERE {dim} = d.{d_id}) x WHERE x.b IS NOT NULL
SELECT k.label, sum(k.v) AS {t1} FROM {F} f CROSS JOIN LATERAL (VALUES ('amount', f.{amt}), ('«数量|quantity»', f.{qty}::numeric)) AS k(label, v) GROUP BY k.label
SELECT {kind} FROM {F} WHERE {ok} «UNION|UNION ALL|EXCEPT|INTERSECT|EXCEPT ALL» SELECT {region} FROM {D} ORDER BY 1 «|LIMIT 5»
(SELECT {name}, 1 AS o FROM {D} ORDER BY {name} LIMIT 3) UNION ALL (SELECT '«合计|total»', count(*) FROM {F}) ORDER BY 2, 1
SELECT {amt} FROM {F} WHERE {amt} > «ALL|ANY|SOME» (SELECT avg({amt}) FROM {F} GROUP BY {kind})
SELECT DISTINCT ON ({dim}) {dim}, {day}, {amt} FROM {F} ORDER BY {dim}, «{day} DESC|{amt} DESC NULLS LAST, {id}»
SELECT a.{dim}, a.{day}, b.{day} FROM {F} a JOIN {F} b ON b.{dim} = a.{dim} AND b.{day} > a.{day} AND b.{day} <= a.{day} + «7|30» WHERE a.{id} <> b.{id} LIMIT 20
SELECT d.{name}, p.{name} AS {t1} FROM {D} d LEFT JOIN {D} p ON p.{d_id} = d.{parent} «|WHERE p.{d_id} IS NULL|ORDER BY p.{name} NULLS FIRST»
SELECT x.kk, y.n AS {t1} FROM (SELECT {kind}, count(*) AS n FROM {F} GROUP BY {kind}) x(kk, n2) JOIN (SELECT {kind}, sum({qty}) AS n FROM {F} GROUP BY {kind}) y ON y.{kind} = x.kk CROSS JOIN (SELECT {kind} FROM {F} LIMIT 1) z
SELECT l.{dim}, count(*) AS {t1} FROM ({F} l JOIN {D} a ON a.{d_id} = l.{dim}) «JOIN|LEFT JOIN» {D} r ON r.{d_id} = a.{parent} GROUP BY l.{dim}
SELECT * FROM (SELECT {dim} AS k, sum({amt}) AS a FROM {F} GROUP BY 1) x «FULL JOIN|LEFT JOIN|JOIN» (SELECT {d_id} AS k, {name} AS b FROM {D}) y USING (k) ORDER BY k
SELECT EXISTS (SELECT 1 FROM {F} WHERE {amt} < 0) AS {t1}, ARRAY(SELECT DISTINCT {kind} FROM {F} ORDER BY 1) AS {t2}
SELECT count(*) FROM {F} WHERE ({kind}, {ok}) IN (('a', true), ('b', false)) «AND|OR» ({day}, {day} + 1) OVERLAPS (DATE '2024-10-01', DATE '2024-10-08')
SELECT * FROM {D} TABLESAMPLE «SYSTEM (10)|BERNOULLI (5) REPEATABLE (42)»
TABLE {D} «|ORDER BY {d_id} LIMIT 3»
SELECT 1 AS {t1} WHERE EXISTS (TABLE {F})
VALUES (1, 'a'), (2, 'b') ORDER BY 1 DESC
-- recursion
WITH RECURSIVE tree AS (SELECT {d_id}, {name}, {parent}, 1 AS depth, {name}::text AS path FROM {D} WHERE {parent} IS NULL UNION ALL SELECT c.{d_id}, c.{name}, c.{parent}, t.depth + 1, t.path || '«/| > »' || c.{name} FROM {D} c JOIN tree t ON c.{parent} = t.{d_id} «|WHERE t.depth < 10») SELECT «path, depth|repeat('  ', depth % 5) || path» AS {t1} FROM tree ORDER BY path
WITH RECURSIVE tree AS (SELECT {d_id}, {parent} FROM {D} WHERE {parent} IS NULL UNION ALL SELECT c.{d_id}, c.{parent} FROM {D} c JOIN tree t ON c.{parent} = t.{d_id}) SEARCH «DEPTH|BREADTH» FIRST BY «{d_id}|{parent}, {d_id}» SET ord SELECT {d_id}, ord FROM tree ORDER BY ord
WITH RECURSIVE tree AS (SELECT {d_id}, {parent} FROM {D} UNION ALL SELECT c.{d_id}, c.{parent} FROM {D} c JOIN tree t ON c.{parent} = t.{d_id}) CYCLE {d_id} SET looped «|TO 'Y' DEFAULT 'N'» USING way SELECT {d_id}, looped FROM tree
WITH RECURSIVE n(i, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT i + 1, b, a + b FROM n WHERE i < «20|30») SELECT i, a AS {t1} FROM n
WITH RECURSIVE r(i, acc) AS (SELECT 1, «100.0|1000::numeric» UNION ALL SELECT i + 1, acc «+ i|* 1.05|- 2.5 * i» FROM r WHERE i < 12) SELECT i, round(acc, 2) AS {t1} FROM r
WITH RECURSIVE days(d) AS (SELECT DATE '2024-01-01' UNION ALL SELECT d + 1 FROM days WHERE d < '2024-01-31') SELECT d, coalesce(sum(f.{amt}), 0) AS {t1} FROM days LEFT JOIN {F} f ON f.{day} = d GROUP BY d ORDER BY d
WITH a AS «|MATERIALIZED|NOT MATERIALIZED» (SELECT {dim}, sum({amt}) AS s FROM {F} GROUP BY 1), b AS (SELECT avg(s) AS m FROM a) SELECT a.{dim}, a.s, b.m AS {t1} FROM a, b WHERE a.s > b.m ORDER BY a.s DESC
-- dates and calendars
SELECT c.d::date AS {t2}, count(f.{id}) AS {t1} FROM generate_series(«DATE '2024-01-01', DATE '2024-01-31', INTERVAL '1 day'|date_trunc('month', now()), now(), '1 day'|CURRENT_DATE - 6, CURRENT_DATE, INTERVAL '1 day'») AS c(d) LEFT JOIN {F} f ON f.{day} = c.d::date GROUP BY 1 ORDER BY 1
SELECT «{day} + INTERVAL '1 month'|{day} - 7|{at} AT TIME ZONE 'Asia/Shanghai'|age({at})|now() - {at}|justify_days({at} - {at})|make_date(2024, 1, 1) - {day}|{day} + make_interval(days => 3)|(date_trunc('month', {day}) + INTERVAL '1 month - 1 day')::date|{at} + {qty} * INTERVAL '1 hour'|date_trunc('day', {at}, 'Asia/Shanghai')|to_timestamp(1700000000)|extract(epoch FROM {at} - {at})|isfinite({day})|{at}::time|{at}::timestamp(0)» AS {t1} FROM {F} LIMIT 5
SELECT «CURRENT_DATE|CURRENT_TIMESTAMP|LOCALTIMESTAMP(0)|now()::date|date_trunc('quarter', CURRENT_DATE)::date|to_date('20240131', 'YYYYMMDD')|to_timestamp('2024-01-31 10:20', 'YYYY-MM-DD HH24:MI')|EXTRACT(EPOCH FROM INTERVAL '1 day')|DATE '2024-02-29' + INTERVAL '1 year'|TIMESTAMP '2024-01-01 00:00:00' AT TIME ZONE 'UTC'|'2024-01-01'::date - '2023-01-01'::date|INTERVAL '1-2' YEAR TO MONTH|INTERVAL '1' YEAR|date_add('2024-01-01'::timestamptz, '1 day'::interval, 'Asia/Shanghai')» AS {t1}
SELECT h, count(f.{id}) AS {t1} FROM generate_series(0, 23) AS h LEFT JOIN {F} f ON extract(hour FROM f.{at}) = h GROUP BY h ORDER BY h
SELECT {day}, «to_char({day}, 'YYYY"年"MM"月"DD"日"')|to_char({amt}, 'FM999,999,990.00')|to_char({at}, 'HH24:MI:SS')|to_char({day}, 'TMDay')|to_char({qty}, '0000')» AS {t1} FROM {F} LIMIT 5
SELECT g.n, g.v FROM generate_series(10, 50, 10) WITH ORDINALITY AS g(v, n)
SELECT * FROM ROWS FROM (generate_series(1, 3), generate_series(1, 2)) AS x(p, q)
-- text
SELECT «upper({name})|length({name})|left({name}, 2)|right({name}, 1)|substring({name} FROM 1 FOR 3)|substring({name} FROM '[0-9]+')|position('a' IN {name})|strpos({name}, 'a')|split_part({name}, '-', 1)|regexp_replace({name}, '[^0-9]', '', 'g')|(regexp_match({name}, '(\d+)'))[1]|lpad({d_id}::text, 6, '0')|trim(BOTH ' ' FROM {name})|overlay({name} PLACING '**' FROM 2 FOR 2)|translate({name}, 'abc', 'xyz')|reverse({name})|initcap({name})|concat({name}, '-', {region})|concat_ws('/', {region}, {name})|{name} || ' (' || {region} || ')'|format('%s: %s', {name}, {region})|md5({name})|replace({name}, '店', '')|starts_with({name}, 'a')|{name} COLLATE "C"|ascii({name})|string_to_array({name}, ',')|regexp_count({name}, 'a')|btrim({name}, 'x')|char_length({name})|quote_literal({name})|normalize({name})» AS {t1} FROM {D} «|ORDER BY {name} LIMIT 5»
SELECT {name} FROM {D} WHERE {name} «LIKE '%a%'|ILIKE 'A%'|NOT LIKE '\_%'|LIKE 'a!%' ESCAPE '!'|SIMILAR TO '(a|b)%'|~ '^[A-Z]'|!~* 'test'|IN ('a', 'b')|IS NOT NULL|IS DISTINCT FROM 'x'|= ANY (ARRAY['a', 'b'])|ILIKE ANY (ARRAY['%a%', '%b%'])|NOT LIKE ALL (ARRAY['%x%'])|BETWEEN 'a' AND 'm'|<> ''»
SELECT «repeat('█', ({amt} / 1000)::int)|repeat('*', least({qty}, 50))|repeat('#', round(100.0 * {amt} / sum({amt}) OVER ())::int)|repeat('-', 20)» AS bar, {kind} FROM {F} LIMIT 5
SELECT repeat('■', (n / «100|1000»)::int) AS bar, {kind} FROM (SELECT {kind}, count(*) AS n FROM {F} GROUP BY {kind}) q ORDER BY n DESC
SELECT u.tag, count(*) AS {t1} FROM {D} CROSS JOIN LATERAL unnest({tags}) AS u(tag) GROUP BY u.tag ORDER BY 2 DESC
SELECT «{tags}[1]|array_length({tags}, 1)|cardinality({tags})|array_to_string({tags}, ',')|'a' = ANY ({tags})|{tags} @> ARRAY['a']|{tags} && ARRAY['a', 'b']|array_position({tags}, 'a')|{tags} || 'z'::text|{tags}[1:2]|array_remove({tags}, 'a')|ARRAY[{name}, {region}]|to_jsonb({tags})|array_sort({tags})» AS {t1} FROM {D}
SELECT w, count(*) AS {t1} FROM {D}, «regexp_split_to_table({name}, '\s+')|string_to_table({name}, ' ')|unnest(string_to_array({name}, ' '))» AS w GROUP BY w
SELECT to_tsvector('simple', {name}) @@ plainto_tsquery('simple', 'a') AS {t1}, ts_rank(to_tsvector('simple', {name}), to_tsquery('simple', 'a')) AS {t2} FROM {D}
-- JSON
SELECT «{data} ->> 'k'|{data} -> 'a' ->> 'b'|({data} ->> 'n')::numeric|{data} #>> '{a,b}'|{data} @> '{"k": 1}'|{data} ? 'k'|{data} ?| ARRAY['a', 'b']|jsonb_array_length(coalesce({data} -> 'l', '[]'))|jsonb_typeof({data})|jsonb_path_query_first({data}, '$.a')|jsonb_path_exists({data}, '$.l[*] ? (@ > 1)')|{data} - 'k'|{data} || '{"z": 1}'|jsonb_set({data}, '{a}', '1')|{data} IS NULL|{data}::text IS JSON|JSON_VALUE({data}, '$.a')|JSON_VALUE({data}, '$.n' RETURNING int)|JSON_QUERY({data}, '$.a')|JSON_EXISTS({data}, '$.a')|jsonb_strip_nulls({data})|{data}['a']» AS {t1} FROM {F} LIMIT 5
SELECT e.key, count(*) AS {t1} FROM {F} f, jsonb_each«|_text»(f.{data}) AS e GROUP BY e.key
SELECT x.v, count(*) FROM {F} f CROSS JOIN LATERAL jsonb_array_elements_text(f.{data} -> 'l') AS x(v) GROUP BY 1
SELECT r.a, r.b FROM {F} f, jsonb_to_record(f.{data}) AS r(a int, b text)
SELECT jt.k, jt.n FROM {F} f, JSON_TABLE(f.{data}, '$.l[*]' COLUMNS («k FOR ORDINALITY|k int PATH '$.k'», n text PATH '$')) AS jt
SELECT «jsonb_build_object('k', {kind}, 's', sum({amt}))|json_build_object('k', {kind}, 'l', json_agg({amt} ORDER BY {day}))|jsonb_agg(DISTINCT {dim})|jsonb_object_agg({dim}, {amt})|JSON_OBJECT('k': {kind}, 'n': count(*))|JSON_ARRAY({kind}, count(*))|JSON_ARRAYAGG({dim} ORDER BY {dim})|json_object_agg({dim}, {qty})» AS {t1} FROM {F} GROUP BY {kind}
SELECT row_to_json(q) AS {t1} FROM (SELECT {kind}, sum({amt}) AS s FROM {F} GROUP BY {kind}) q
-- values and types
SELECT «round({amt}, 1)|round({amt} / nullif({qty}, 0), 2)|{amt}::int|CAST({amt} AS numeric(12, 2))|{amt}::float8 ^ 2|abs({amt})|mod({qty}, 7)|{qty} % 2|power({qty}, 2)|sqrt(abs({amt}))|ln(greatest({amt}, 1))|sign({amt})|trunc({amt}, -2)|greatest({amt}, {qty}, 0)|least({amt}, 100)|div({qty}, 3)|{amt}::money|{amt} * 0.13|-{amt}|({amt} > 10)::int|exp(0.1)|random(1, 10)|bit_count(5::bit(8))|pg_typeof({amt})|{qty}::text|num_nonnulls({kind}, {note})|{qty} & 3|{qty} << 1|gcd({qty}, 12)|coalesce({note}, {kind}, '-')|nullif({kind}, '')|{ok} IS TRUE|{ok} IS NOT FALSE|{amt} IS NULL|{amt} BETWEEN SYMMETRIC 100 AND 1|CASE {kind} WHEN 'a' THEN 1 WHEN 'b' THEN 2 END|ROW({kind}, {amt}) = ROW('a', 1)» AS {t1} FROM {F} LIMIT 5
SELECT numrange(0, 100) @> {amt} AS {t1}, daterange('2024-01-01', '2024-02-01', '[)') @> {day} AS {t2}, lower(numrange(1, 2)), int4range(1, 5) && int4range(3, 9) FROM {F} LIMIT 3
SELECT count(*) FROM {F} WHERE {day} <@ daterange('2024-01-01', '2024-12-31') «AND|OR» {at}::date = ANY (ARRAY[DATE '2024-01-01', DATE '2024-05-01'])
SELECT 'it''s' AS a, E'a\tb' AS b, $$x$$ AS c, U&'\5bb6' AS d, 1e3 AS e, .5 AS f, B'101' AS g, NULL AS h, TRUE AS i, 'a' 
-- shapes of whole statements
SELECT d.{region}, f.{kind}, sum(f.{amt}) AS {t1}, count(DISTINCT f.{dim}) AS {t2} FROM {F} AS f JOIN {D} AS d ON (d.{d_id} = f.{dim} AND d.{region} IN ('a', 'b')) WHERE f.{del} IS NULL AND f.{day} >= '2024-01-01' AND f.{day} < '2025-01-01' GROUP BY d.{region}, f.{kind} HAVING sum(f.{amt}) > 0 ORDER BY «1, 3 DESC|{t1} DESC» LIMIT «10|100»;
WITH base AS (SELECT * FROM {F} WHERE {del} IS NULL), by_dim AS (SELECT {dim}, sum({amt}) AS s, count(*) AS n FROM base GROUP BY {dim}) SELECT d.{name}, b.s AS {t1}, b.n AS {t2}, rank() OVER (ORDER BY b.s DESC) FROM by_dim b JOIN {D} d ON d.{d_id} = b.{dim} ORDER BY b.s DESC «LIMIT 10|FETCH FIRST 10 ROWS WITH TIES»
SELECT first.{dim} AS {t1}, count(DISTINCT later.{dim}) AS {t2} FROM (SELECT {dim}, min({day}) AS d0 FROM {F} GROUP BY {dim}) first LEFT JOIN {F} later ON later.{dim} = first.{dim} AND later.{day} > first.d0 AND later.{day} <= first.d0 + «30|90» GROUP BY first.{dim}
SELECT date_trunc('month', d0)::date AS {t2}, (extract(year FROM age({day}, d0)) * 12 + extract(month FROM age({day}, d0)))::int AS m, count(DISTINCT {dim}) AS {t1} FROM (SELECT {dim}, {day}, min({day}) OVER (PARTITION BY {dim}) AS d0 FROM {F}) q GROUP BY 1, 2 ORDER BY 1, 2
