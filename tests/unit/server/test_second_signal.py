"""The second signal, while the event loop does nothing more."""

import signal
import subprocess
import sys

from tests.service import DEADLINE, ROOT

#: a command that gets stuck when it is asked to stop, as soon as a second signal would end it
STUCK = """
import asyncio, signal, time
import server.__main__ as command

command.SECOND_SIGNAL_AFTER = 0.0

async def main():
    asked = command._asked_to_stop(lambda: print("abandoned", flush=True))
    first = signal.getsignal(signal.SIGTERM)
    print("ready", flush=True)
    await asked.wait()
    while signal.getsignal(signal.SIGTERM) == first:
        await asyncio.sleep(0)
    print("stuck", flush=True)
    time.sleep(3600)

asyncio.run(main())
"""


def test_second_signal_ends_a_process_whose_loop_is_stuck() -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "stuck\n"

            process.send_signal(signal.SIGTERM)
            told, _ = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()

    assert (process.returncode, told) == (1, "abandoned\n")
