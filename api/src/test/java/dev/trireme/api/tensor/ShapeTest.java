package dev.trireme.api.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void shouldCountItsElements() {
    assertThat(Shape.of(2, 3, 4).elements()).isEqualTo(24);
    assertThat(Shape.of().elements()).isEqualTo(1);
    assertThat(Shape.of(5, 0, 7).elements()).isZero();
    assertThatThrownBy(() -> Shape.of(1L << 32, 1L << 32).elements())
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void shouldPutADimensionInFront() {
    assertThat(Shape.of(2, 3).prepend(0)).isEqualTo(Shape.of(0, 2, 3));
    assertThat(Shape.of().prepend(7)).isEqualTo(Shape.of(7));
  }

  @Test
  void shouldReadWell() {
    assertThat(Shape.of(32, 3, 3)).hasToString("32x3x3");
    assertThat(Shape.of(5)).hasToString("5");
    assertThat(Shape.of()).hasToString("scalar");
  }

  @Test
  void shouldNotChange() {
    List<Long> dims = new ArrayList<>(List.of(1L, 2L));
    Shape shape = new Shape(dims);
    dims.set(0, 9L);
    shape.toArray()[1] = 9;
    assertThat(shape).isEqualTo(Shape.of(1, 2));
    assertThat(shape.rank()).isEqualTo(2);
    assertThat(shape.dim(1)).isEqualTo(2);
  }

  @Test
  void shouldRefuseSizesBelowZero() {
    assertThatThrownBy(() -> Shape.of(3, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("below zero", "[3, -1]");
  }
}
