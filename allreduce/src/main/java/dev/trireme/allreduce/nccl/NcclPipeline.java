package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.CudaEvent;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.cuda.CudaStream;
import dev.trireme.allreduce.group.FlightRecorder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * What one rank's operations put on its stream, in their order: a wait for the compute stream,
 * copies from the host, NCCL's calls, copies to the host, a mark behind it all.
 *
 * <p>Threading: the runner's thread, or who has seen it end; {@link #event} from any.
 */
final class NcclPipeline {
  /** How long what an aborted operation leaves behind may take to end. */
  private static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final NcclConfig config;
  private final NcclCommunicator comm;
  private final FlightRecorder recorder;
  private final Staging.Pool stagings;
  private final Queue<CudaEvent> events = new ConcurrentLinkedQueue<>();
  private final Deque<NcclOperation> issued = new ArrayDeque<>();

  /** The one that is being put on the stream. */
  private Optional<NcclOperation> issuing = Optional.empty();

  /** Of which only a part was put on the stream when something failed. */
  private final List<NcclOperation> halfIssued = new ArrayList<>();

  private CudaStream stream;

  NcclPipeline(
      NcclConfig config, CudaMemory memory, NcclCommunicator comm, FlightRecorder recorder) {
    this.config = config;
    this.comm = comm;
    this.recorder = recorder;
    this.stagings = new Staging.Pool(memory, config.device());
  }

  /** Makes the stream, on the calling thread's device. */
  void open() {
    stream = new CudaStream(config.device());
  }

  /** A mark that was used before or is new, which the pipeline frees once it was given to it. */
  CudaEvent event() {
    CudaEvent kept = events.poll();
    return kept == null ? new CudaEvent(config.device()) : kept;
  }

  /** Whether the device itself still works, as far as can be seen. */
  boolean isDeviceWell() {
    return stream == null || stream.isWell();
  }

  boolean isEmpty() {
    return issued.isEmpty();
  }

  /**
   * Whether an operation before it has yet to write, at its end, what this one is to read in the
   * host's memory. On the device their order sees to that.
   */
  boolean owesInputOf(NcclCall call) {
    for (NcclOperation before : issued) {
      if (Transfers.meetOnHost(before.call().output(), call.input())) {
        return true;
      }
    }
    return false;
  }

  /**
   * Puts an operation behind those before it.
   *
   * @param settle returns once NCCL has put on the stream what it was called for: a mark behind a
   *     call that is still in progress would stand before it
   */
  void issue(NcclOperation operation, Runnable settle) {
    if (operation.isDone()) {
      events.add(operation.ready());
      return;
    }
    if (issued.isEmpty()) {
      operation.head(System.nanoTime());
    }
    boolean whole = false;
    issuing = Optional.of(operation);
    try {
      enqueue(operation, settle);
      whole = true;
    } finally {
      issuing = Optional.empty();
      (whole ? issued : halfIssued).add(operation);
    }
  }

  private void enqueue(NcclOperation operation, Runnable settle) {
    NcclCall call = operation.call();
    long staged = Transfers.needed(call);
    Staging staging = staged == 0 ? null : stagings.take(staged);
    CudaEvent complete = event();
    operation.issued(staging, complete);
    stream.await(operation.ready());
    long in = Transfers.input(operation, staging, stream);
    long out = call.inPlace() ? in : Transfers.output(operation, staging);
    recorder.begun(operation.number(), System.nanoTime());
    if (call.bytes() > 0 && !isDoneAlone(call)) {
      call.body().issue(comm, in, out, stream);
      settle.run();
    }
    Transfers.enqueueOutput(operation, staging, stream);
    complete.record(stream);
  }

  private boolean isDoneAlone(NcclCall call) {
    return config.skipsAlone() && config.worldSize() == 1 && call.inPlace();
  }

  /** Ends the operations whose mark has been reached; says whether there were any. */
  boolean finishSome() {
    boolean moved = false;
    while (!issued.isEmpty() && issued.peek().complete().isDone()) {
      NcclOperation operation = issued.remove();
      Optional.ofNullable(issued.peek())
          .or(() -> issuing)
          .ifPresent(o -> o.head(System.nanoTime()));
      if (operation.staging() != null) {
        Transfers.finish(operation, operation.staging());
      }
      operation.succeed();
      events.add(operation.ready());
      events.add(operation.complete());
      if (operation.staging() != null) {
        stagings.give(operation.staging());
      }
      moved = true;
    }
    if (moved && issued.isEmpty() && issuing.isEmpty()) {
      // Not before: it would wait for the next operation, which may be stuck.
      stagings.trim();
    }
    return moved;
  }

  /**
   * Frees everything.
   *
   * @param waiting operations that were never issued
   */
  void close(Iterable<NcclOperation> waiting) {
    // An operation that was aborted leaves its copies behind it, which still write to what is about
    // to be freed.
    long until = System.nanoTime() + DRAIN_NANOS;
    issued.addAll(halfIssued);
    while (!issued.isEmpty() && !stream.isDrained() && System.nanoTime() - until < 0) {
      LockSupport.parkNanos(100_000);
    }
    issued.stream().filter(each -> each.staging() != null).forEach(each -> each.staging().close());
    issued.forEach(each -> each.ready().close());
    issued.stream().filter(o -> o.complete() != null).forEach(each -> each.complete().close());
    waiting.forEach(each -> each.ready().close());
    stagings.close();
    events.forEach(CudaEvent::close);
    events.clear();
    if (stream != null) {
      stream.close();
    }
  }
}
