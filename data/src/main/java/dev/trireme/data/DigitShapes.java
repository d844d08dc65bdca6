package dev.trireme.data;

import java.util.List;

/**
 * The ten digits as strokes, each in several ways of writing it. Coordinates are those of a box
 * that reaches from -1 (top) to 1 (bottom) and about from -0.6 to 0.6 across.
 */
final class DigitShapes {
  private static final List<List<List<Stroke>>> DIGITS =
      List.of(
          List.of(
              List.of(
                  loop(
                      0, -1, 0.5, -0.65, 0.6, 0, 0.5, 0.65, 0, 1, -0.5, 0.65, -0.6, 0, -0.5,
                      -0.65)),
              List.of(
                  loop(0, -1, 0.3, -0.7, 0.38, 0, 0.3, 0.7, 0, 1, -0.3, 0.7, -0.38, 0, -0.3, -0.7)),
              List.of(
                  curve(
                      0.15, -1, -0.4, -0.75, -0.58, 0, -0.4, 0.75, 0.05, 1, 0.5, 0.65, 0.58, -0.1,
                      0.35, -0.75, -0.1, -0.95))),
          List.of(
              List.of(line(0, -1, 0, 1)),
              List.of(line(-0.35, -0.55, 0.08, -1, 0.08, 1)),
              List.of(line(-0.3, -0.6, 0.05, -1, 0.05, 1), line(-0.4, 1, 0.45, 1))),
          List.of(
              List.of(
                  curve(
                      -0.55, -0.55, -0.35, -0.9, 0.05, -1, 0.45, -0.85, 0.5, -0.4, 0.2, 0.1, -0.25,
                      0.6, -0.6, 1),
                  line(-0.6, 1, 0.62, 1)),
              List.of(
                  curve(
                      -0.5, -0.7, -0.1, -1, 0.4, -0.85, 0.45, -0.35, 0.1, 0.25, -0.35, 0.8, -0.6,
                      0.85, -0.5, 0.6, -0.15, 0.7, 0.25, 0.95, 0.65, 0.8))),
          List.of(
              List.of(
                  curve(-0.5, -0.75, -0.1, -1, 0.38, -0.85, 0.42, -0.4, 0.1, -0.1, -0.15, -0.05),
                  curve(-0.15, -0.05, 0.3, 0.05, 0.58, 0.45, 0.4, 0.88, -0.05, 1, -0.55, 0.75)),
              List.of(
                  line(-0.5, -1, 0.5, -1, -0.05, -0.2),
                  curve(-0.05, -0.2, 0.4, -0.05, 0.58, 0.4, 0.38, 0.85, -0.05, 1, -0.55, 0.8))),
          List.of(
              List.of(line(0.15, -1, -0.6, 0.3, 0.65, 0.3), line(0.3, -0.25, 0.3, 1)),
              List.of(line(-0.4, -1, -0.5, 0.1, 0.5, 0.1), line(0.42, -0.95, 0.36, 1)),
              List.of(line(0.3, 1, 0.3, -1, -0.6, 0.35, 0.65, 0.35))),
          List.of(
              List.of(
                  line(0.55, -1, -0.38, -1, -0.45, -0.12),
                  curve(
                      -0.45, -0.12, 0.05, -0.3, 0.5, -0.02, 0.58, 0.45, 0.3, 0.9, -0.1, 1, -0.55,
                      0.75)),
              List.of(
                  curve(
                      0.5, -0.95, 0, -0.98, -0.4, -0.85, -0.45, -0.2, 0, -0.25, 0.48, 0, 0.5, 0.55,
                      0.15, 0.95, -0.5, 0.9))),
          List.of(
              List.of(
                  curve(
                      0.4, -1, -0.1, -0.7, -0.45, -0.1, -0.5, 0.5, -0.25, 0.95, 0.2, 0.98, 0.52,
                      0.6, 0.4, 0.18, 0, 0.05, -0.45, 0.4)),
              List.of(
                  curve(
                      0, -1, -0.35, -0.4, -0.48, 0.3, -0.35, 0.85, 0.05, 1, 0.45, 0.75, 0.4, 0.25,
                      0, 0.12, -0.4, 0.5))),
          List.of(
              List.of(line(-0.55, -1, 0.55, -1, -0.12, 1)),
              List.of(line(-0.55, -1, 0.55, -1, -0.05, 1), line(-0.25, 0.05, 0.42, 0.05)),
              List.of(
                  line(-0.5, -0.75, -0.5, -1, 0.55, -1),
                  curve(0.55, -1, 0.2, -0.4, 0, 0.2, -0.08, 1))),
          List.of(
              List.of(
                  loop(
                      0, -0.02, 0.42, -0.32, 0.38, -0.8, 0, -1, -0.38, -0.8, -0.42, -0.32, 0, -0.02,
                      0.48, 0.35, 0.45, 0.82, 0, 1, -0.45, 0.82, -0.48, 0.35)),
              List.of(
                  curve(
                      0.45, -0.75, 0, -1, -0.42, -0.7, -0.25, -0.25, 0.25, 0.12, 0.48, 0.6, 0, 1,
                      -0.48, 0.6, -0.25, 0.15, 0.25, -0.25, 0.45, -0.8)),
              List.of(
                  loop(0, -1, 0.4, -0.8, 0.38, -0.25, 0, -0.05, -0.38, -0.25, -0.4, -0.8),
                  loop(0, -0.05, 0.46, 0.2, 0.46, 0.8, 0, 1, -0.46, 0.8, -0.46, 0.2))),
          List.of(
              List.of(
                  curve(
                      0.45, -0.5, 0.2, -0.05, -0.3, -0.08, -0.5, -0.5, -0.25, -0.95, 0.2, -0.98,
                      0.48, -0.55, 0.42, 0.2, 0.1, 1)),
              List.of(
                  loop(0.45, -0.5, 0.2, -0.95, -0.28, -0.92, -0.48, -0.5, -0.25, -0.1, 0.22, -0.1),
                  line(0.46, -0.6, 0.38, 1)),
              List.of(
                  curve(
                      0.45, -0.6, 0.1, -0.1, -0.35, -0.15, -0.45, -0.6, -0.15, -0.98, 0.3, -0.9,
                      0.5, -0.4, 0.45, 0.4, 0.1, 0.95, -0.45, 0.85))));

  private DigitShapes() {}

  /**
   * What a pen does between being put down and lifted.
   *
   * @param points x and y in turn
   * @param smooth whether it bends through its points, not only at them
   * @param closed whether it ends where it began
   */
  record Stroke(double[] points, boolean smooth, boolean closed) {
    int size() {
      return points.length / 2;
    }
  }

  /** The ways of writing {@code digit}, at least one. */
  static List<List<Stroke>> of(int digit) {
    return DIGITS.get(digit);
  }

  private static Stroke line(double... points) {
    return new Stroke(points, false, false);
  }

  private static Stroke curve(double... points) {
    return new Stroke(points, true, false);
  }

  private static Stroke loop(double... points) {
    return new Stroke(points, true, true);
  }
}
