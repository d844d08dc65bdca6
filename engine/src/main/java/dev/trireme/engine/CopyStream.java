package dev.trireme.engine;

import dev.trireme.api.tensor.Device;
import java.util.Optional;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stream of a device beside the one that computes, from libtorch's pool.
 *
 * <p>Threading: one thread at a time; which stream is current belongs to a thread.
 */
final class CopyStream implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CopyStream.class);

  private final Stream own;
  private final Stream compute;

  private CopyStream(Stream own, Stream compute) {
    this.own = own;
    this.compute = compute;
  }

  /** A stream; none where libtorch has none to give, and copies then wait for the computation. */
  static Optional<CopyStream> open(Device device) {
    try (org.bytedeco.pytorch.Device there = Tensors.device(device)) {
      Stream own =
          torch
              .getDeviceGuardImpl(DeviceType.CUDA)
              .getStreamFromGlobalPool(there, false)
              .retainReference();
      Stream compute = torch.getCurrentStream((byte) device.index()).retainReference();
      CopyStream stream = new CopyStream(own, compute);
      stream.run(() -> {}); // what cannot be had shows now
      return Optional.of(stream);
    } catch (RuntimeException | LinkageError e) {
      LOG.warn("batches are not copied while {} computes: {}", device, Failures.brief(e));
      return Optional.empty();
    }
  }

  /** Runs {@code operators} with this stream as the current one. */
  void run(Runnable operators) {
    torch.setCurrentStream(own);
    try {
      operators.run();
    } finally {
      torch.setCurrentStream(compute);
    }
  }

  /** Waits until all that was put on this stream has been done. */
  void await() {
    own.synchronize();
  }

  @Override
  public void close() {
    own.synchronize();
    own.releaseReference();
    compute.releaseReference();
  }
}
