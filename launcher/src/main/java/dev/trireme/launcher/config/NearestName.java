package dev.trireme.launcher.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/**
 * Finds the right name that a wrong one was most likely meant to be: by the optimal string
 * alignment distance (Damerau 1964, restricted to one transposition of neighbours), which counts a
 * letter too many, too few, wrong, or two swapped as one slip each. Case, dashes and underscores do
 * not count. Cost: product of the lengths of both names, per candidate.
 */
public final class NearestName {
  private static final int LONGEST = 64;

  private NearestName() {}

  /**
   * The nearest of the names, or nothing when none is near: more than a third of the letters would
   * be slips.
   */
  public static Optional<String> of(String wrong, Collection<String> right) {
    if (wrong.isBlank() || wrong.length() > LONGEST) {
      return Optional.empty();
    }
    return right.stream()
        .map(name -> new Scored(name, slips(plain(wrong), plain(name))))
        .filter(scored -> scored.slips() <= allowed(wrong, scored.name()))
        .min(Comparator.comparingInt(Scored::slips).thenComparing(Scored::name))
        .map(Scored::name);
  }

  private record Scored(String name, int slips) {}

  private static int allowed(String wrong, String right) {
    return Math.max(1, Math.max(wrong.length(), right.length()) / 3);
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[-_]", "");
  }

  static int slips(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        d[i][j] = i == 0 || j == 0 ? i + j : cheapest(d, a, b, i, j);
      }
    }
    return d[a.length()][b.length()];
  }

  private static int cheapest(int[][] d, String a, String b, int i, int j) {
    boolean same = a.charAt(i - 1) == b.charAt(j - 1);
    int best =
        Math.min(d[i - 1][j - 1] + (same ? 0 : 1), Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1));
    boolean swapped =
        i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
    return swapped ? Math.min(best, d[i - 2][j - 2] + 1) : best;
  }
}
