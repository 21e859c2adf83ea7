"""`python -m tools.evaluate SET …`: asks a set's questions through the service and compares rows with its references'.

SET is a folder with `pairs.json` (and `schema.sql`), or a name below the shared evaluation sets; `defog` means all
`defog_…`. `time_words`, `readme_endings` and `follow_ups` are made here, about the demo database, and `wide_200` with
its 200 tables. Asks in default
routing and in `database_direct`; `--routing` chooses one of them. `--report DIR` writes `outcomes.jsonl` (a question a
line) and `report.html`; `--against DIR` lists what changed since an earlier report. The last line has the figures of
default routing over all sets. With a model, what was spent is a line a set and routing; `--ablate` asks with ever more
of the prompt, in `database_direct`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import psycopg

from core.sql_executor.reader_pool import libpq_url
from features.evaluation.figures import line_of
from tools.evaluate.ablation import LEVELS, AblatedBrain, settings_of
from tools.evaluate.asking import Judge, Outcome, Routing, ask, ask_all
from tools.evaluate.context import context_line
from tools.evaluate.figures import details_of
from tools.evaluate.generated import GENERATED, generated_set
from tools.evaluate.probe import foreign_keys, questions, verdict
from tools.evaluate.report import flips, read_outcomes, write_report
from tools.evaluate.scene import Scene, scene_of
from tools.evaluate.sets import EvaluationSet, Pair, SetNotFoundError, find_sets
from tools.evaluate.spending import Spending, spent
from tools.evaluate.trained import train
from tools.evaluate.wide import PREFIX, wide_set

ROUTINGS: Final[dict[str, tuple[Routing, ...]]] = {
    "both": ("database_direct", "default"),
    "default": ("default",),
    "database_direct": ("database_direct",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the sets were asked, whatever the answers; 2 when there is no such set."""
    options = _options(arguments)
    try:
        if options.probe:
            return _probe(options)
        sets = [found for name in options.sets for found in _sets_named(name, options.limit)]
    except SetNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    if options.context:
        return _context(sets)
    if options.ablate:
        return _ablate(sets, options)
    outcomes: list[Outcome] = []
    for one in sets:
        outcomes += _evaluate(one, options)
    if options.report:
        write_report(options.report, outcomes)
    if options.against:
        for flip in flips(read_outcomes(options.against), outcomes):
            print(flip)
    for routing in ROUTINGS[options.routing]:
        chosen = [outcome for outcome in outcomes if outcome.routing == routing]
        if len(sets) > 1:
            print(json.dumps({"set": "all", "routing": routing, **details_of(chosen)}, ensure_ascii=False))
        if routing == ROUTINGS[options.routing][-1]:
            print(json.dumps(line_of(chosen)))
        else:
            print(json.dumps({"routing": routing, **line_of(chosen)}))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.ablate and options.provider == "offline":
        parser.error("--ablate measures what a model makes of its prompt: --provider openai")
    if bool(options.probe) == bool(options.sets):
        parser.error("name sets, or a database with --probe")
    return options


def _sets_named(name: str, limit: int | None) -> list[EvaluationSet]:
    if name in GENERATED:
        return [generated_set(name, datetime.now(UTC).astimezone().date(), limit=limit)]
    if name.startswith(PREFIX) and name.removeprefix(PREFIX).isdigit():
        return [wide_set(name, limit=limit)]
    return find_sets([name], limit=limit)


def _evaluate(questions: EvaluationSet, options: argparse.Namespace) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with scene_of(questions, {"LLM_PROVIDER": options.provider}) as scene:
        if options.trained:
            print(train(scene, questions.name), file=sys.stderr)
        ask(scene.container.ask, questions.pairs[0].question, "database_direct")  # reads the schema, loads the agent
        has_model = options.provider != "offline"
        before = spent(scene.container) if has_model else Spending()
        for routing in ROUTINGS[options.routing]:
            asked = _asked(scene, questions, routing, options.jobs)
            for outcome in asked if options.verbose else ():
                print(json.dumps(outcome.as_json(), ensure_ascii=False))
            about = {"set": questions.name, "routing": routing}
            print(json.dumps({**about, **line_of(asked)}, ensure_ascii=False))
            print(json.dumps({**about, **details_of(asked)}, ensure_ascii=False), flush=True)
            if has_model:
                now = spent(scene.container)
                print(json.dumps({**about, **now.since(before).as_json()}, ensure_ascii=False), flush=True)
                before = now
            outcomes += asked
    return outcomes


def _ablate(sets: Sequence[EvaluationSet], options: argparse.Namespace) -> int:
    """A line a set and level, what was spent included, and the outcomes' figures of all sets together at the end."""
    totals: dict[str, list[Outcome]] = {level: [] for level in LEVELS}
    for one in sets:
        for level in LEVELS:
            settings = {"LLM_PROVIDER": options.provider, **settings_of(level)}
            with scene_of(one, settings, partial(AblatedBrain, level=level)) as scene:
                if options.trained:
                    print(train(scene, one.name), file=sys.stderr)
                before = spent(scene.container)
                asked = _asked(scene, one, "database_direct", options.jobs)
                used = spent(scene.container).since(before).as_json()
            print(json.dumps({"set": one.name, "ablate": level, **line_of(asked), **used}), flush=True)
            totals[level] += asked
    for level, outcomes in totals.items():
        print(json.dumps({"set": "all", "ablate": level, **line_of(outcomes)}))
    return 0


def _asked(scene: Scene, questions: EvaluationSet, routing: Routing, jobs: int) -> list[Outcome]:
    return ask_all(
        questions.pairs,
        partial(_ask_and_judge, scene, Judge(scene.business_url), questions.name, routing),
        jobs=jobs,
        progress=partial(_show_progress, f"{questions.name} {routing}", len(questions.pairs)),
    )


def _context(sets: Sequence[EvaluationSet]) -> int:
    for one in sets:
        with scene_of(one, {"LLM_PROVIDER": "offline"}) as scene:
            print(json.dumps({"set": one.name, **context_line(scene, one.pairs)}), flush=True)
    return 0


def _probe(options: argparse.Namespace) -> int:
    totals: Counter[str] = Counter()
    for number, name in enumerate(options.probe):
        is_url = "://" in name
        for database in (
            [EvaluationSet(f"probe{number}", (), None, database_url=name)] if is_url else _sets_named(name, None)
        ):
            totals += _probe_database(database, options)
    print(json.dumps(_probe_line(totals)))
    return 0


def _probe_database(database: EvaluationSet, options: argparse.Namespace) -> Counter[str]:
    counts: Counter[str] = Counter()
    routing = ROUTINGS[options.routing][-1]
    with (
        scene_of(database, {"LLM_PROVIDER": options.provider}) as scene,
        psycopg.connect(libpq_url(scene.business_url)) as connection,
    ):
        for question in questions(foreign_keys(connection)):
            reply = ask(scene.container.ask, question.text, routing)
            found = verdict(connection, question, reply)
            counts.update([found, f"{question.language}_{found}"])
            if found != "right" or options.verbose:
                about = {"set": database.name, "verdict": found, "question": question.text}
                print(json.dumps({**about, "sql": reply.sql, "text": reply.text}, ensure_ascii=False))
    print(json.dumps({"set": database.name, **_probe_line(counts)}), flush=True)
    return counts


def _probe_line(counts: Counter[str]) -> dict[str, int]:
    names = ("right", "wrong", "refused")
    return {"questions": sum(counts[name] for name in names), **{name: counts[name] for name in names}, **counts}


def _ask_and_judge(scene: Scene, judge: Judge, set_name: str, routing: Routing, pair: Pair) -> Outcome:
    reply = ask(scene.container.ask, pair.question, routing, pair.before)
    return judge.judge(set_name, pair, reply, routing)


def _show_progress(label: str, total: int, done: int) -> None:
    if sys.stderr.isatty() or done == total:
        print(f"\r{label}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--probe", nargs="+", metavar="DATABASE", help="sets or URLs: CHILD per PARENT, every key")
    parser.add_argument("--context", action="store_true", help="what stands in the prompt; nobody is asked")
    parser.add_argument("--ablate", action="store_true", help="no context, then DDL, documentation, examples, repair")
    parser.add_argument("--provider", choices=("offline", "openai"), default="offline", help="LLM_* names the model")
    parser.add_argument("--routing", choices=tuple(ROUTINGS), default="both")
    parser.add_argument("--trained", action="store_true", help="run the data pipeline on the database first")
    parser.add_argument("--report", type=Path, metavar="DIR")
    parser.add_argument("--against", type=Path, metavar="DIR", help="an earlier report's folder")
    parser.add_argument("--limit", type=int, help="only the first so many questions of a set")
    parser.add_argument("--jobs", type=int, default=1, help="questions asked at a time")
    parser.add_argument("--verbose", action="store_true", help="print every outcome as a JSON line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
