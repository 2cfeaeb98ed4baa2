// SPDX-License-Identifier: Apache-2.0
package pawl.bench;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import me.ahoo.cosid.segment.IdSegmentDistributor;
import me.ahoo.cosid.segment.SegmentChainId;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * SegmentChainId.generate() as CosId's own benchmark calls it, on CosId's own stand-in for a store:
 * segments of {@code step} ids, 220,000 requests a second. Says at the end, for each fork, how many
 * ids were taken from that store, and how many of them were handed out.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
public class ChainBench {
    private static final int REQUESTS_PER_SECOND = 220_000;

    /** Remembers how far the store has come. */
    private static final class Counted extends IdSegmentDistributor.Mock {
        private volatile long reserved;

        Counted(int step) {
            super(step, REQUESTS_PER_SECOND);
        }

        @Override
        public long nextMaxId(long step) {
            long most = super.nextMaxId(step);
            reserved = Math.max(reserved, most);
            return most;
        }
    }

    @State(Scope.Benchmark)
    public static class Chained {
        /** Ten is what CosId's benchmark has, a thousand what its best figures were taken with. */
        @Param({"10", "1000"})
        public int step;

        private Counted distributor;
        private SegmentChainId chain;

        @Setup
        public void open() {
            distributor = new Counted(step);
            chain = new SegmentChainId(distributor);
        }

        @TearDown
        public void tell() {
            System.out.println("used " + chain.generate() + " reserved " + distributor.reserved);
        }
    }

    /** What Java can do at best with one number for all threads. */
    @State(Scope.Benchmark)
    public static class Bare {
        private final AtomicLong next = new AtomicLong();
    }

    @Benchmark
    public long generate(Chained chained) {
        return chained.chain.generate();
    }

    @Benchmark
    public long bare(Bare bare) {
        return bare.next.incrementAndGet();
    }
}
