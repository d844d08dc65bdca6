package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.StringTensorDictItem;
import org.bytedeco.pytorch.Tensor;

/**
 * A model that a job's own class builds; it is taken to draw random numbers, since nothing says
 * that it does not.
 */
final class ModelNetwork implements Network {
  private static final String ORIGIN = "model.class";

  private final TorchModel model;
  private final StateDict state;
  private final List<Tensor> counts;
  private boolean inTraining = true;

  private ModelNetwork(TorchModel model, StateDict state) {
    this.model = model;
    this.state = state;
    this.counts = ForeignState.counts(state);
  }

  /**
   * @param className of a {@link ModelFactory}
   * @param loader that finds it
   * @throws EngineException when the class is missing, is no factory, or fails
   */
  @SuppressWarnings("try") // a scope does its work by being open
  static ModelNetwork build(
      String className, ClassLoader loader, long seed, Shape itemShape, int classes) {
    ModelFactory factory = factory(className, loader);
    ForeignState found = new ForeignState(ORIGIN + " " + className);
    try {
      // No scope around the user's code: what a model keeps must live as long as the model.
      TorchModel model = factory.build(seed, itemShape, classes);
      Module module = model.module();
      try (PointerScope scope = new PointerScope()) {
        module.train(true);
        StringTensorDict parameters = module.named_parameters(true);
        for (long i = 0; i < parameters.size(); i++) {
          StringTensorDictItem item = parameters.get(i);
          found.parameter(item.key().getString(), item.value());
        }
        StringTensorDict buffers = module.named_buffers(true);
        for (long i = 0; i < buffers.size(); i++) {
          StringTensorDictItem item = buffers.get(i);
          found.buffer(item.key().getString(), item.value());
        }
      }
      return new ModelNetwork(model, found.complete());
    } catch (RuntimeException e) {
      found.state().close();
      throw Failures.at(ORIGIN + " " + className + " cannot build its model", e);
    }
  }

  private static ModelFactory factory(String className, ClassLoader loader) {
    try {
      Object made = loader.loadClass(className).getConstructor().newInstance();
      if (made instanceof ModelFactory factory) {
        return factory;
      }
      throw new EngineException(
          ORIGIN
              + ": expected a class that implements "
              + ModelFactory.class.getName()
              + ", found "
              + className);
    } catch (ClassNotFoundException e) {
      throw new EngineException(
          ORIGIN + ": there is no class " + className + "; check the name and model.jar", e);
    } catch (ReflectiveOperationException e) {
      throw new EngineException(
          ORIGIN
              + ": expected "
              + className
              + " to be public with a public constructor without parameters: "
              + Failures.brief(e.getCause() == null ? e : e.getCause()),
          e);
    }
  }

  @Override
  public StateDict state() {
    return state;
  }

  @Override
  public Tensor forward(Tensor input, boolean training) {
    if (training != inTraining) {
      model.module().train(training);
      inTraining = training;
    }
    return training
        ? ForeignState.uncounted(counts, () -> model.forward(input))
        : model.forward(input);
  }

  @Override
  public boolean drawsAtRandom() {
    return true;
  }

  @Override
  public void close() {
    state.close();
    model.module().close();
  }
}
