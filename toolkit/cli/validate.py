"""``eot validate``: from a file of answers to a validation report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import messages, output, show_problems
from toolkit.errors import Code, ToolkitError
from toolkit.validation.plan import CfaEstimator, Method, Missing, ModelStructure, Rotation, ValidationPlan

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.run import Progress, ValidationRun

_DEFAULT = ValidationPlan()
_OF_THE_MODEL = (Code.STA_MODEL_SYNTAX, Code.STA_CIRCULAR_EQUALITY, Code.STA_UNKNOWN_VARIABLE)

IdColumn = Annotated[str | None, typer.Option("--id", help="Column with the respondent ids; 'respondent' otherwise.")]
RenamedColumns = Annotated[
    list[str] | None, typer.Option("--map", metavar="OLD=NEW", help="Rename a column. May be repeated.")
]
MissingCodes = Annotated[
    list[str] | None,
    typer.Option(
        "--missing",
        metavar="CODE[=NAME]",
        help="A code that means unanswered, or one of the instrument's missing codes by name, such as "
        "98=dont_know. May be repeated.",
    ),
]


def validate(
    instrument: Annotated[str, typer.Option(help="Name such as eomhs@1.0.0, or a folder of one version.")],
    responses: Annotated[Path, typer.Option(help="CSV file: a header row, then one row for each respondent.")],
    out: Annotated[Path, typer.Option(help="Folder for the report; an earlier report in it is replaced.")],
    catalog: Annotated[Path | None, typer.Option(help="One more catalog folder to find the instrument in.")] = None,
    id_column: IdColumn = None,
    rename: RenamedColumns = None,
    missing_codes: MissingCodes = None,
    factors: Annotated[
        int | None, typer.Option(min=1, help="Factors to extract; the number of scales otherwise.")
    ] = None,
    method: Annotated[Method, typer.Option(help="How factors are extracted.")] = _DEFAULT.method,
    rotation: Annotated[Rotation, typer.Option(help="How factors are rotated.")] = _DEFAULT.rotation,
    missing_rule: Annotated[
        Missing, typer.Option(help="Who counts in a correlation: who answered both items, or all items.")
    ] = _DEFAULT.missing,
    datasets: Annotated[int, typer.Option(min=20, help="Random data sets of the parallel analysis.")] = (
        _DEFAULT.n_datasets
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random numbers.")] = _DEFAULT.seed,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level of the intervals.")] = (
        _DEFAULT.level
    ),
    wave: Annotated[
        str | None, typer.Option(help="Wave to use, as the column 'wave' names it; the latest otherwise.")
    ] = None,
    all_waves: Annotated[
        bool, typer.Option("--all-waves", help="Take all waves together; refused where a respondent is in several.")
    ] = False,
    model: Annotated[
        ModelStructure | None,
        typer.Option(help="Confirmatory model of the scales; correlated factors, one a scale, otherwise."),
    ] = None,
    model_file: Annotated[Path | None, typer.Option(help="Confirmatory model as a text in lavaan's syntax.")] = None,
    estimator: Annotated[
        CfaEstimator | None,
        typer.Option(help="Estimator of the confirmatory model; WLSMV up to five points, MLR above, otherwise."),
    ] = None,
    no_confirm: Annotated[bool, typer.Option("--no-confirm", help="Fit no confirmatory model.")] = False,
    invariance_by: Annotated[
        str | None, typer.Option(help="Column whose groups the measurement is compared over, such as language.")
    ] = None,
    split: Annotated[
        bool,
        typer.Option("--split", help="Explore one half of the persons, drawn by the seed; confirm on the other."),
    ] = False,
    dynamic_cutoffs: Annotated[
        bool, typer.Option("--dynamic-cutoffs", help="Simulate cut-offs of fit for this model and these persons; slow.")
    ] = False,
    language: Annotated[str | None, typer.Option(help="Language of the item texts in the report.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write what was done as JSON.")] = False,
) -> None:
    """Write a validation report: report.html, results.json and tables as CSV."""
    renamed = renamed_columns(rename or [])
    recoded = recoded_codes(missing_codes or [])
    if no_confirm:
        _refuse_without_model(
            {
                "--model": model,
                "--model-file": model_file,
                "--estimator": estimator,
                "--invariance-by": invariance_by,
                "--split": split,
                "--dynamic-cutoffs": dynamic_cutoffs,
            }
        )
    plan = ValidationPlan(
        n_factors=factors,
        method=method,
        rotation=rotation,
        missing=missing_rule,
        n_datasets=datasets,
        seed=seed,
        level=level,
        wave=wave,
        all_waves=all_waves,
        confirm=not no_confirm,
        model=model if model_file is None else _model_text(model_file, model),
        cfa_estimator=estimator,
        invariance_by=invariance_by,
        dynamic_cutoffs=dynamic_cutoffs,
        split=split,
    )
    # Before numpy is loaded: on matrices of some dozen items, more threads cost more than they give.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from toolkit.storage.folders import check_place, write_atomically

    check_place(out, force=force)
    run, ignored, files = _validated(
        instrument, responses, catalog, id_column, renamed, recoded, plan, model_file, language
    )
    # Only the writing is in here, so that no other error is taken for one of the folder.
    with write_atomically(out, force=force) as folder:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8", newline="\n")
    written = [out / name for name in files]
    _tell(run, ignored, written, renamed, as_json=as_json)


def _validated(
    reference: str,
    responses: Path,
    catalog: Path | None,
    id_column: str | None,
    renamed: Mapping[str, str],
    recoded: Mapping[int | str, str | None],
    plan: ValidationPlan,
    model_file: Path | None,
    language: str | None,
) -> tuple[ValidationRun, Sequence[str], Mapping[str, str]]:
    """Read, validate and make the files of the report."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=messages(), transient=True) as bar:
        task = bar.add_task("Reading the answers", total=None)

        def progress(step: int, n_steps: int, label: str) -> None:
            bar.update(task, completed=step + 1, total=n_steps + 2, description=label)

        instrument = _load(reference, catalog)
        from toolkit.reporting.validation_report import report_language, validation_report_files
        from toolkit.storage.response_files import read_responses

        spoken = report_language(instrument, language)
        frame = read_responses(
            responses,
            instrument,
            id_column=id_column,
            rename=renamed,
            missing_codes=recoded or None,
            several_waves=True,
            keep=[plan.invariance_by] if plan.confirm and plan.invariance_by else (),
        )
        from toolkit.reporting.drawing import warm_up

        renderer = warm_up()
        try:
            run = _run(instrument, frame, responses, renamed, plan, model_file, progress)
            bar.update(task, description="Writing the report")
            files = validation_report_files(run, language=spoken)
        finally:
            renderer.join()
    return run, frame.attrs["ignored_columns"], files


def _load(reference: str, catalog: Path | None) -> Instrument:
    """Load the instrument: a folder when there is one, a name in the catalogs otherwise."""
    from toolkit.instruments.catalog import Catalog, default_catalog, load

    if Path(reference).exists():
        return load(Path(reference))
    known = default_catalog()
    return load(reference, catalog=Catalog((*known.folders, catalog)) if catalog is not None else known)


def _run(
    instrument: Instrument,
    frame: pd.DataFrame,
    responses: Path,
    renamed: Mapping[str, str],
    plan: ValidationPlan,
    model_file: Path | None,
    progress: Progress,
) -> ValidationRun:
    """Validate; a refusal names the file and its column."""
    from toolkit.storage.response_files import sha256_of
    from toolkit.validation.run import InputFile
    from toolkit.validation.run import validate as validated

    source = InputFile(name=responses.name, sha256=sha256_of(responses))
    try:
        return validated(instrument, frame, plan=plan, source=source, progress=progress)
    except ToolkitError as error:
        column_of = {new: old for old, new in renamed.items()}
        raise type(error)(
            replace(
                problem,
                file=problem.file
                or str(model_file if model_file is not None and problem.code in _OF_THE_MODEL else responses),
                column=problem.column or (column_of.get(problem.item, problem.item) if problem.item else None),
            )
            for problem in error.problems
        ) from None


def _tell(
    run: ValidationRun, ignored: Sequence[str], written: list[Path], renamed: Mapping[str, str], *, as_json: bool
) -> None:
    """Say what was done, where it is, and what must be known."""
    column_of = {new: old for old, new in renamed.items()}
    name = run.source.name if run.source else None
    known = [
        replace(
            problem,
            file=problem.file or name,
            column=problem.column or (column_of.get(problem.item, problem.item) if problem.item else None),
        )
        for problem in [
            *(problem for _, _, problem in run.warnings),
            *(problem for absent in run.not_computed for problem in absent.problems),
        ]
    ]
    known = list(dict.fromkeys(known))
    if as_json:
        done = {
            "instrument": run.instrument.name,
            "n_persons": run.data.n_persons,
            "wave": run.data.wave,
            "content_sha256": run.to_dict()["content_sha256"],
            "files": [str(path) for path in written],
            "ignored_columns": list(ignored),
            "notes": [{"code": str(problem.code), "message": str(problem)} for problem in known],
        }
        output().print(json.dumps(done, indent=2, ensure_ascii=False), soft_wrap=True)
        return
    show_problems(known, style="yellow")
    if ignored:
        messages().print(f"Columns that were not used: {', '.join(ignored)}.", soft_wrap=True)
    console = output()
    of_wave = "" if run.data.wave is None or len(run.data.waves) < 2 else f" of the wave '{run.data.wave}'"
    console.print(
        f"Validated {run.instrument.name} on {run.data.n_persons} respondents{of_wave} in "
        f"{sum(run.seconds.values()):.1f} s.",
        soft_wrap=True,
        markup=False,
    )
    if run.units is not None and run.units.scales:
        effects = [effect.design_effect for effect in run.units.scales.values()]
        console.print(
            f"Units:   {run.units.n_units}; design effects of the scores {min(effects):.2f} to {max(effects):.2f}",
            soft_wrap=True,
        )
    from toolkit.reporting.confirmation_narrative import confirmation_line

    if line := confirmation_line(run):
        verdict = next(one.verdict for one in run.ratings if one.measurement_property == "structural_validity")
        console.print(f"Model:   {line} Structural validity: {verdict}.", soft_wrap=True, markup=False)
    if run.confirmation is not None and run.confirmation.invariance is not None:
        compared = run.confirmation.invariance
        console.print(f"Groups:  {', '.join(compared.contexts)}. {compared.reason}", soft_wrap=True, markup=False)
    console.print(f"Report:  {written[0]}", soft_wrap=True)
    console.print(f"Numbers: {written[1]}", soft_wrap=True)
    console.print(f"Tables:  {written[2].parent} ({len(written) - 2} CSV files)", soft_wrap=True)


def _refuse_without_model(options: Mapping[str, object]) -> None:
    """Refuse options of the confirmatory model where none is fitted."""
    useless = [name for name, value in options.items() if value]
    if useless:
        message = (
            f"no confirmatory model is fitted, so that {', '.join(useless)} would do nothing; leave one of them out"
        )
        raise typer.BadParameter(message, param_hint="--no-confirm")


def _model_text(path: Path, model: str | None) -> str:
    """Read the model's text."""
    if model is not None:
        message = f"the model is told twice, by --model {model} too"
        raise typer.BadParameter(message, param_hint="--model-file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise typer.BadParameter(f"'{path}' cannot be read: {reason}", param_hint="--model-file") from None
    return f"{text.rstrip()}\n"


def renamed_columns(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``OLD=NEW`` pairs."""
    found: dict[str, str] = {}
    for pair in pairs:
        old, mark, new = pair.rpartition("=")
        if not (mark and old.strip() and new.strip()):
            raise typer.BadParameter(f"'{pair}' is not OLD=NEW, such as q1=HB1", param_hint="--map")
        found[old.strip()] = new.strip()
    return found


def recoded_codes(codes: Sequence[str]) -> dict[int | str, str | None]:
    """Read missing codes: ``-99``, or ``98=dont_know``."""
    found: dict[int | str, str | None] = {}
    for code in codes:
        written, mark, name = code.partition("=")
        if not written.strip() or (mark and not name.strip()):
            raise typer.BadParameter(f"'{code}' is not CODE or CODE=NAME, such as -99", param_hint="--missing")
        found[written.strip()] = name.strip() or None
    return found
