package dev.trireme.checkpoint.format;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names in a directory of checkpoints. A name counts only in the one form that is written here,
 * so that every checkpoint has one name and a name can never lead elsewhere.
 */
public final class CheckpointNames {
  /** The file that makes a directory a checkpoint. */
  public static final String MANIFEST = "manifest.json";

  private static final Pattern STEP = Pattern.compile("step-(\\d{8,18})");
  private static final Pattern STAGING = Pattern.compile("\\.tmp-g(\\d{1,18})-step-(\\d{8,18})");
  private static final String REPLACED = ".old-";
  private static final String TRASH = ".trash-";
  private static final Pattern SHARD = Pattern.compile("rank-(\\d{5})\\.safetensors");

  private CheckpointNames() {}

  /**
   * Who writes what: the identity of a checkpoint before and after it is committed.
   *
   * @param generation of the formation that writes, at least 0
   * @param step whose state it holds, at least 0
   */
  public record WriteId(long generation, long step) {
    public WriteId {
      if (generation < 0 || step < 0) {
        throw new IllegalArgumentException(
            "no such checkpoint: generation " + generation + ", step " + step);
      }
    }

    /** Where it stands until it is committed: {@code .tmp-g3-step-00001200}. */
    public String stagingName() {
      return ".tmp-g" + generation + "-" + stepName(step);
    }

    /** Where it stands afterwards: {@code step-00001200}. */
    public String committedName() {
      return stepName(step);
    }

    /** As {@code generation 3, step 1200}. */
    @Override
    public String toString() {
      return "generation " + generation + ", step " + step;
    }
  }

  /** {@code step-00001200}. */
  public static String stepName(long step) {
    return String.format(Locale.ROOT, "step-%08d", step);
  }

  /** The step of {@code step-00001200}; empty for any other name. */
  public static OptionalLong stepOf(String name) {
    Matcher matcher = STEP.matcher(name);
    if (!matcher.matches()) {
      return OptionalLong.empty();
    }
    long step = Long.parseLong(matcher.group(1));
    return stepName(step).equals(name) ? OptionalLong.of(step) : OptionalLong.empty();
  }

  /** What {@code .tmp-g3-step-00001200} was to become; empty for any other name. */
  public static Optional<WriteId> stagingOf(String name) {
    Matcher matcher = STAGING.matcher(name);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    WriteId id = new WriteId(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
    return id.stagingName().equals(name) ? Optional.of(id) : Optional.empty();
  }

  /**
   * What {@code step-00001200} is called while another generation's checkpoint of that step takes
   * its place; until that one is there, it still counts.
   */
  public static String replacedName(String committedName) {
    return REPLACED + committedName;
  }

  /** The name that {@link #replacedName} was made from; empty for any other. */
  public static Optional<String> replacedOf(String name) {
    String rest = name.startsWith(REPLACED) ? name.substring(REPLACED.length()) : "";
    return stepOf(rest).isPresent() ? Optional.of(rest) : Optional.empty();
  }

  /** What a checkpoint is called while it is being deleted. */
  public static String trashName(String checkpoint) {
    return TRASH + checkpoint;
  }

  /** Whether this is the name of a checkpoint that was being deleted. */
  public static boolean isTrash(String name) {
    String rest = name.startsWith(TRASH) ? name.substring(TRASH.length()) : "";
    return stepOf(rest).isPresent() || replacedOf(rest).isPresent();
  }

  /** {@code rank-00003.safetensors}. */
  public static String shardName(int rank) {
    return String.format(Locale.ROOT, "rank-%05d.safetensors", rank);
  }

  /** The rank of {@code rank-00003.safetensors}; empty for any other name. */
  public static OptionalInt rankOf(String name) {
    Matcher matcher = SHARD.matcher(name);
    return matcher.matches()
        ? OptionalInt.of(Integer.parseInt(matcher.group(1)))
        : OptionalInt.empty();
  }

  /** Whether a directory of this name is a checkpoint, or was one, or was to become one. */
  public static boolean isOfCheckpoints(String name) {
    return stepOf(name).isPresent()
        || stagingOf(name).isPresent()
        || replacedOf(name).isPresent()
        || isTrash(name);
  }
}
