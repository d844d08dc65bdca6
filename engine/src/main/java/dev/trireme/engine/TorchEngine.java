package dev.trireme.engine;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.engine.Engine;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import java.nio.file.Path;
import org.bytedeco.pytorch.global.torch;

/**
 * The engine on libtorch, on the host's processors.
 *
 * <p>Threading: one thread at a time; libtorch's number of threads and its random generator belong
 * to the whole process.
 */
public final class TorchEngine implements Engine {
  private TorchEngine() {}

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
    return new TorchEngine();
  }

  @Override
  public Replica replica(JobSpec job, DatasetInfo data, ClassLoader loader) {
    if (job.parallel().device() == DeviceKind.CUDA) {
      throw new EngineException(
          "parallel.device: expected cpu or auto, found cuda, which this engine does not compute"
              + " on");
    }
    LossFunction loss = new LossFunction(job.train().loss(), data);
    torch.manual_seed(job.train().seed());
    Network network = network(job, data, loader);
    try {
      return new TorchReplica(network, loss, job.train());
    } catch (RuntimeException e) {
      network.close();
      throw e;
    }
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
