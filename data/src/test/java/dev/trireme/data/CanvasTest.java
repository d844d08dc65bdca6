package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class CanvasTest {
  private static final int SIDE = 9;

  @Test
  void shouldShadeAStrokeByDistanceFromItsMiddle() {
    Canvas canvas = new Canvas(SIDE);
    canvas.draw(1, 4, 7, 4, 1, 0.8);
    assertThat(at(canvas, 4, 4)).isEqualTo(0.8);
    assertThat(at(canvas, 4, 5)).isCloseTo(0.4, within(1e-12));
    assertThat(at(canvas, 4, 3)).isCloseTo(0.4, within(1e-12));
    assertThat(at(canvas, 4, 6)).isZero();
    assertThat(at(canvas, 8, 4)).isCloseTo(0.4, within(1e-12));
  }

  @Test
  void shouldDrawADotOfAStrokeWithoutLength() {
    Canvas canvas = new Canvas(SIDE);
    canvas.draw(4, 4, 4, 4, 0.5, 1);
    assertThat(at(canvas, 4, 4)).isEqualTo(1);
    assertThat(at(canvas, 5, 4)).isZero();
  }

  @Test
  void shouldKeepTheDarkerWhereStrokesCross() {
    Canvas canvas = new Canvas(SIDE);
    canvas.draw(0, 4, 8, 4, 0.5, 1);
    canvas.draw(4, 0, 4, 8, 0.5, 0.3);
    assertThat(at(canvas, 4, 4)).isEqualTo(1);
    assertThat(at(canvas, 4, 2)).isEqualTo(0.3);
  }

  @Test
  void shouldCutOffWhatIsOutside() {
    Canvas canvas = new Canvas(SIDE);
    canvas.draw(-20, -20, -10, -15, 2, 1);
    canvas.draw(-5, 0, 20, 0, 0.5, 1);
    assertThat(at(canvas, 0, 0)).isEqualTo(1);
    assertThat(at(canvas, 8, 0)).isEqualTo(1);
    assertThat(at(canvas, 4, 4)).isZero();
  }

  private static double at(Canvas canvas, int x, int y) {
    return canvas.at(y * SIDE + x);
  }
}
