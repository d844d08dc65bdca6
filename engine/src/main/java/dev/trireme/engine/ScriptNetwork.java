package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.tensor.Device;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.named_buffer_iterator;
import org.bytedeco.pytorch.named_buffer_list;
import org.bytedeco.pytorch.named_parameter_iterator;
import org.bytedeco.pytorch.named_parameter_list;

/**
 * A model read from a TorchScript file. Its weights are those of the file, whatever the seed; it is
 * taken to draw random numbers, since nothing says that it does not.
 */
final class ScriptNetwork implements Network {
  private static final String ORIGIN = "model.torchscript";

  private final JitModule module;
  private final StateDict state;
  private final List<Tensor> counts;
  private boolean inTraining = true;

  private ScriptNetwork(JitModule module, StateDict state) {
    this.module = module;
    this.state = state;
    this.counts = ForeignState.counts(state);
  }

  /**
   * @throws EngineException when the file is no TorchScript or has nothing to train
   */
  @SuppressWarnings("try") // a scope does its work by being open
  static ScriptNetwork load(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new EngineException(
          ORIGIN
              + ": expected a TorchScript file, found none at "
              + file.toAbsolutePath()
              + "; write one with torch.jit.script(model).save(path)");
    }
    ForeignState found = new ForeignState(ORIGIN);
    try (PointerScope scope = new PointerScope()) {
      // The profiling executor runs a graph differently from its third run on, so that a resumed
      // run would not repeat the bits of one that was never stopped.
      torch.getProfilingMode().put(false);
      JitModule module = found.state().own(load(file.toString()));
      module.train(true);
      collect(module, found);
      return new ScriptNetwork(module, found.complete());
    } catch (RuntimeException e) {
      found.state().close();
      throw Failures.at(ORIGIN + ": " + file + " cannot be used", e);
    }
  }

  /** Onto the host, wherever its tensors were when it was saved. */
  private static JitModule load(String file) {
    return torch.load(file, new DeviceOptional(Tensors.device(Device.CPU)), true);
  }

  private static void collect(JitModule module, ForeignState found) {
    named_parameter_list parameters = module.named_parameters(true);
    named_parameter_iterator parameter = parameters.begin();
    for (long i = 0; i < parameters.size(); i++, parameter.increment()) {
      found.parameter(parameter.access().name().getString(), parameter.access().value());
    }
    named_buffer_list buffers = module.named_buffers(true);
    named_buffer_iterator buffer = buffers.begin();
    for (long i = 0; i < buffers.size(); i++, buffer.increment()) {
      found.buffer(buffer.access().name().getString(), buffer.access().value());
    }
  }

  @Override
  public StateDict state() {
    return state;
  }

  @Override
  public Tensor forward(Tensor input, boolean training) {
    if (training != inTraining) {
      module.train(training);
      inTraining = training;
    }
    return training ? ForeignState.uncounted(counts, () -> run(input)) : run(input);
  }

  private Tensor run(Tensor input) {
    IValue output = module.forward(new IValueVector(new IValue(input)));
    if (!output.isTensor()) {
      throw new EngineException(
          ORIGIN
              + ": expected forward to return one tensor, found "
              + output.tagKind().getString());
    }
    return output.toTensor();
  }

  @Override
  public boolean drawsAtRandom() {
    return true;
  }

  @Override
  public void close() {
    state.close();
  }
}
