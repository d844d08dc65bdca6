package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.junit.jupiter.api.Test;

class BlasThreadsTest {
  @Test
  void shouldGiveProductsWithinTheLoopsOfConvolutionsOneThreadEach() {
    List<Shape> shapes = List.of(Shape.of(32, 1, 3, 3), Shape.of(32), Shape.of(10, 800));
    assertThat(BlasThreads.of(4, shapes)).isEqualTo(1);
    assertThat(BlasThreads.of(4, List.of(Shape.of(8, 4, 5)))).isEqualTo(1);
  }

  @Test
  void shouldGiveProductsThatStandAloneAllThreads() {
    assertThat(BlasThreads.of(4, List.of(Shape.of(512, 784), Shape.of(512)))).isEqualTo(4);
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
