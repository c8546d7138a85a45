"""Start the platform: `python -m include.local_nemo --help`."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from include.local_nemo.settings import DELAYS, SPEEDS, Settings

DEFAULT_STATE_DIR = Path(".flywheel/local-nemo")
DEFAULT_PORTS = {"nemo": 8180, "nim": 8181, "datastore": 8182}
USAGE_ERROR = 2
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the platform until SIGTERM or SIGINT; return 0, or 2 when it cannot start as told."""
    options = _parser().parse_args(arguments)
    # Imported only now: a question for help, or a typing error, need not wait for the services.
    from include.local_nemo.app import serve
    from include.local_nemo.platform import Platform, StateInUse
    from include.local_nemo.server import PortInUse, bind

    try:
        platform = Platform(_settings(options))
        sockets = bind(platform)
    except ValidationError as error:
        first = error.errors()[0]
        print(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}", file=sys.stderr)
        return USAGE_ERROR
    except (PortInUse, StateInUse, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    # Until requests are served a signal just ends the process: what matters is on disk.
    for name in STOP_SIGNALS:
        signal.signal(name, lambda *_: sys.exit(0))

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def started() -> None:
            for name in STOP_SIGNALS:
                loop.add_signal_handler(name, stop.set)
            print(f"nemo        {platform.nemo_url}")
            print(f"nim         {platform.nim_url}")
            print(f"data store  {platform.datastore_url}", flush=True)

        await serve(platform, sockets, stop, started)

    asyncio.run(run())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.local_nemo",
        description="The embedded NeMo-compatible platform: Entity Store, Customizer, Evaluator, Deployment "
        "Management, NIM proxy and Data Store in one process, without a GPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    for name, port in DEFAULT_PORTS.items():
        add(f"--{name}-port", type=int, default=port, help=f"port of the {name} API; 0 picks a free one")
    add(
        "--state-dir",
        type=Path,
        default=DEFAULT_STATE_DIR,
        help="folder that keeps everything across restarts",
    )
    add("--gpus", type=int, default=8, help="size of the simulated cluster")
    add("--seed", type=int, default=0, help="seed of what is random, such as faults by probability")
    add("--bearer-token", help="refuse requests without this token")
    add("--faults", type=Path, help="JSON plan of faults")
    add("--speed", choices=tuple(SPEEDS), default="alive", help="preset of all delays")
    add(
        "--delay",
        type=_pair(float),
        action="append",
        default=[],
        metavar="NAME=SECONDS",
        help=f"set one delay: {', '.join(DELAYS)}",
    )
    add(
        "--model",
        type=_pair(str),
        action="append",
        default=[],
        metavar="NAME=STUDENT",
        help="let a student answer for a foreign model name",
    )
    add(
        "--evaluator-skips-pending",
        action="store_true",
        help="evaluations go from created straight to running",
    )
    add(
        "--duplicate-deployment-status",
        type=int,
        choices=(500, 409),
        default=500,
        help="answer to a deployment that exists",
    )
    add(
        "--upload-mode",
        choices=("regular", "lfs"),
        default="regular",
        help="what the Data Store asks clients for",
    )
    return parser


def _pair(value: type[float] | type[str]):  # type: ignore[no-untyped-def]
    def parse(text: str) -> tuple[str, float | str]:
        name, equals, rest = text.partition("=")
        if not (name and equals and rest):
            raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
        try:
            return name, value(rest)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{rest!r} in {text!r} is not a number") from None

    return parse


def _settings(options: argparse.Namespace) -> Settings:
    given = vars(options).copy()
    speed, delays, models = given.pop("speed"), dict(given.pop("delay")), dict(given.pop("model"))
    unknown = set(delays) - set(DELAYS)
    if unknown:
        raise ValueError(f"--delay {', '.join(sorted(unknown))}: the delays are {', '.join(DELAYS)}.")
    return Settings.at_speed(speed, **given, **delays, models=models)


if __name__ == "__main__":
    sys.exit(main())
