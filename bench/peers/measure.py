"""What the peers' scripts share: the clock and the line that they print."""
import json
import resource
import time


def median_ms(run, seconds, least=3):
    """Median time of one run in ms over at least `seconds` and `least` runs, after one to warm up."""
    run()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2] * 1e3


def report(name, variant, ms, **more):
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-6
    print(json.dumps({"name": name, "variant": variant, "ms": ms, "resident_MB": resident, **more}), flush=True)
