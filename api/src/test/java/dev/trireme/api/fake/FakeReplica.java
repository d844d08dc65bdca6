package dev.trireme.api.fake;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/** A model of one weight whose loss is always 2 an item and whose predictions are always right. */
public final class FakeReplica implements Replica {
  private final Diary diary;
  private final NativeMemory.Block memory = NativeMemory.allocate(64, 64);
  private final NamedTensor weight =
      new NamedTensor("weight", Shape.of(1), TensorBuffer.cpu(memory.address(), DType.FLOAT32, 1));

  public FakeReplica(Diary diary) {
    this.diary = diary;
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(new Parameter(0, weight));
  }

  @Override
  public List<NamedTensor> statistics() {
    return List.of();
  }

  @Override
  public void prepare(Batch next) {
    diary.write("prepare " + next.from().epoch() + ":" + next.from().position());
  }

  @Override
  public Loss forward(Batch batch, long seed) {
    diary.write("forward " + batch.from().epoch() + ":" + batch.from().position());
    return new Loss(2.0 * batch.size(), batch.size(), batch.size());
  }

  @Override
  public void backward(GradientSink sink) {
    diary.write("backward");
    sink.ready(0, weight.data());
  }

  @Override
  public void bindGradients(List<TensorBuffer> reduced) {}

  @Override
  public void optimize(double learningRate) {
    diary.write("optimize");
  }

  @Override
  public Loss evaluate(Batch batch) {
    return new Loss(3.0 * batch.size(), batch.size(), batch.size());
  }

  @Override
  public List<NamedTensor> modelState() {
    return List.of(weight);
  }

  @Override
  public List<NamedTensor> optimizerState() {
    return List.of();
  }

  @Override
  public long nativeBytes() {
    return 64;
  }

  @Override
  public void close() {
    memory.close();
  }
}
