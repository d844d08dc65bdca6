package dev.trireme.protocol;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** What is done to a job on purpose, to show what it survives. */
public enum HarmKind {
  /** SIGKILL to a rank's process. */
  KILL("killed"),
  /** SIGSTOP to a rank's process, and SIGCONT a while later. */
  FREEZE("froze"),
  /** A rank's process is stopped and let go in turn, ten times a second, for a while. */
  SLOW("slowed"),
  /** There is no room where the job's checkpoints go, for a while. */
  FILL_DISK("filled the disk of"),
  /** A rank's packets to and from other hosts are dropped, for a while. */
  DROP_LINK("dropped the link of");

  private final String past;

  HarmKind(String past) {
    this.past = past;
  }

  /** As it is written in commands and files, as {@code fill-disk}. */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** What was done, before the name of a rank. */
  public String past() {
    return past;
  }

  /** The kind of this word; empty when there is none. */
  public static Optional<HarmKind> of(String word) {
    return Arrays.stream(values()).filter(k -> k.word().equals(word)).findFirst();
  }

  /** All words, for messages. */
  public static String words() {
    return Arrays.stream(values()).map(HarmKind::word).collect(Collectors.joining(", "));
  }
}
