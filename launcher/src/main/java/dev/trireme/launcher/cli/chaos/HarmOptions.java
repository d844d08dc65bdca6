package dev.trireme.launcher.cli.chaos;

import dev.trireme.protocol.HarmKind;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Option;

/** What is done, and to whom: one of these options. */
final class HarmOptions {
  private static final String ANY = "any";

  @Option(
      names = "--kind",
      paramLabel = "KIND",
      description =
          "kill (as it is by default), freeze, slow, fill-disk, drop-link, or any: drawn each"
              + " time from those that this machine can do.")
  private String kind;

  @Option(names = "--kill-rank", paramLabel = "N", description = "--kind kill --rank N.")
  private Integer kill;

  @Option(names = "--stop", paramLabel = "N", description = "--kind freeze --rank N.")
  private Integer stop;

  @Option(names = "--slow", paramLabel = "N", description = "--kind slow --rank N.")
  private Integer slow;

  @Option(
      names = "--fill-disk",
      description =
          "No room for checkpoints: their file system is filled where nobody else needs it, else"
              + " the ranks act as if it were.")
  private boolean fill;

  @Option(
      names = "--drop-link",
      paramLabel = "N",
      description = "--kind drop-link --rank N: its packets to and from other hosts are dropped.")
  private Integer link;

  private String word() {
    if (kind != null) {
      return kind;
    }
    HarmKind one =
        stop != null
            ? HarmKind.FREEZE
            : slow != null
                ? HarmKind.SLOW
                : fill ? HarmKind.FILL_DISK : link != null ? HarmKind.DROP_LINK : HarmKind.KILL;
    return one.word();
  }

  /** Those that may be meant, several where one is to be drawn; empty when there is no such. */
  List<HarmKind> kinds() {
    String word = word().toLowerCase(Locale.ROOT);
    return word.equals(ANY)
        ? List.of(HarmKind.values())
        : HarmKind.of(word).map(List::of).orElse(List.of());
  }

  /** What is wrong when {@link #kinds} is empty. */
  String fault() {
    return "--kind: expected %s or %s, found '%s'".formatted(HarmKind.words(), ANY, word());
  }

  /** Whom; null when no rank is named. */
  Integer rank() {
    return kill != null ? kill : stop != null ? stop : slow != null ? slow : link;
  }
}
