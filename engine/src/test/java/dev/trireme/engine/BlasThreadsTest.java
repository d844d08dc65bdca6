package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.junit.jupiter.api.Test;

class BlasThreadsTest {
  /** Whose values are not looked at. */
  private static NamedTensor tensor(String name, long... dims) {
    Shape shape = Shape.of(dims);
    return new NamedTensor(name, shape, TensorBuffer.cpu(64, DType.FLOAT32, shape.elements()));
  }

  @Test
  void shouldGiveProductsWithinTheLoopsOfConvolutionsOneThreadEach() {
    NamedTensor linear = tensor("3.weight", 10, 800);
    assertThat(BlasThreads.of(4, List.of(tensor("0.weight", 32, 1, 3, 3), linear))).isEqualTo(1);
    assertThat(BlasThreads.of(4, List.of(tensor("conv.weight_v", 8, 4, 5)))).isEqualTo(1);
  }

  @Test
  void shouldGiveProductsThatStandAloneAllThreads() {
    NamedTensor linear = tensor("1.weight", 512, 784);
    NamedTensor positions = tensor("positions", 1, 64, 512);
    assertThat(BlasThreads.of(4, List.of(linear, tensor("1.bias", 512), positions))).isEqualTo(4);
    assertThat(BlasThreads.of(1, List.of())).isEqualTo(1);
  }

  @Test
  void shouldTellOpenBlasForEachModel() {
    int before = openblas_nolapack.blas_get_num_threads();
    try (TorchEngine engine = TorchEngine.load(2)) {
      assertThat(threadsWith(engine, Jobs.mlp())).isEqualTo(2);
      assertThat(threadsWith(engine, Jobs.cnn())).isEqualTo(1);
      assertThat(threadsWith(engine, Jobs.mlp())).isEqualTo(2);
    } finally {
      TorchEngine.load(1);
      Natives.blasThreads(before);
    }
  }

  private static int threadsWith(TorchEngine engine, Jobs job) {
    try (Replica replica =
        engine.replica(job.spec(), Jobs.images(), BlasThreadsTest.class.getClassLoader())) {
      assertThat(replica.parameters()).isNotEmpty();
      return openblas_nolapack.blas_get_num_threads();
    }
  }
}
