package dev.trireme.engine;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.engine.Engine;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.tensor.Device;
import java.nio.file.Path;
import org.bytedeco.pytorch.global.torch;

/**
 * The engine on libtorch: on the host's processors, or on a CUDA device where the job says {@code
 * parallel.device: cuda}. The device is then the first that the process can see: whoever starts
 * several ranks on a host gives each its own in {@code CUDA_VISIBLE_DEVICES}.
 *
 * <p>Threading: one thread at a time; libtorch's number of threads and its random generator belong
 * to the whole process.
 */
public final class TorchEngine implements Engine {
  private final int threads;

  private TorchEngine(int threads) {
    this.threads = threads;
  }

  /**
   * Loads libtorch, which takes a second or two the first time in a process.
   *
   * @param threads that one operation may compute with, at least 1
   * @throws EngineException when libtorch for this platform is missing or does not load
   */
  public static TorchEngine load(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("expected at least 1 thread, found " + threads);
    }
    Natives.load(threads);
    return new TorchEngine(threads);
  }

  @Override
  public Replica replica(JobSpec job, DatasetInfo data, ClassLoader loader) {
    Device device = device(job.parallel().device());
    LossFunction loss = new LossFunction(job.train().loss(), data);
    torch.manual_seed(job.train().seed());
    try {
      Network network = network(job, data, loader);
      Natives.blasThreads(BlasThreads.of(threads, network.state().named(role -> true)));
      return replica(network, loss, job, device);
    } catch (RuntimeException e) {
      throw OutOfMemory.shortage(e)
          .map(shortage -> new EngineException("the model does not fit: " + shortage, e))
          .orElseGet(() -> Failures.at("the model cannot be brought to " + device, e));
    }
  }

  private static Replica replica(Network network, LossFunction loss, JobSpec job, Device device) {
    try {
      // Drawn on the CPU and moved, so that a seed gives the same weights on every device.
      network.state().moveTo(device);
      return new TorchReplica(network, loss, job.train());
    } catch (RuntimeException e) {
      network.close();
      throw e;
    }
  }

  private static Device device(DeviceKind wanted) {
    if (wanted != DeviceKind.CUDA) {
      return Device.CPU;
    }
    CudaDevices devices = Cuda.devices();
    if (!devices.available()) {
      throw new EngineException("parallel.device: cuda: " + devices.reason());
    }
    Cuda.settle();
    return new Device(Device.Kind.CUDA, 0);
  }

  /**
   * The CUDA devices that this process can compute on, or why there are none and how to mend that.
   */
  public CudaDevices cudaDevices() {
    return Cuda.devices();
  }

  private static Network network(JobSpec job, DatasetInfo data, ClassLoader loader) {
    ModelSpec model = job.model();
    if (model.className().isPresent()) {
      return ModelNetwork.build(
          model.className().get(), loader, job.train().seed(), data.itemShape(), data.classes());
    }
    if (model.torchscript().isPresent()) {
      return ScriptNetwork.load(Path.of(model.torchscript().get()));
    }
    return LayerNetwork.build(model.layers(), data.itemShape());
  }

  /** Nothing to free: libtorch stays loaded until the process ends. */
  @Override
  public void close() {}
}
