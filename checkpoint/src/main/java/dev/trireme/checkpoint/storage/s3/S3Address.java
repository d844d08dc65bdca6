package dev.trireme.checkpoint.storage.s3;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.CheckpointSpec;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place in an object store: {@code s3://bucket/prefix}.
 *
 * @param bucket its name
 * @param prefix of the keys, without a slash at either end; empty for the whole bucket
 */
public record S3Address(String bucket, String prefix) {
  private static final Pattern FORM =
      Pattern.compile(
          Pattern.quote(CheckpointSpec.S3_SCHEME) + "([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/.*)?");

  /** The most that a key may have, less what we append to it. */
  private static final int MAX_PREFIX = 900;

  /**
   * Reads an address as a user writes it.
   *
   * @throws CheckpointException when it is none
   */
  public static S3Address parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new CheckpointException(
          "'"
              + text
              + "' is no place in an object store; expected s3://bucket/prefix, the bucket of 3 to"
              + " 63 small letters, digits, dots and hyphens");
    }
    String path = matcher.group(2) == null ? "" : matcher.group(2);
    String prefix = path.replaceAll("^/+|/+$", "");
    if (prefix.length() > MAX_PREFIX || prefix.contains("//")) {
      throw new CheckpointException(
          "'"
              + text
              + "': expected a prefix of at most "
              + MAX_PREFIX
              + " characters and without '//'");
    }
    return new S3Address(matcher.group(1), prefix);
  }

  /** The key of something below. */
  String key(String below) {
    return prefix.isEmpty() ? below : prefix + "/" + below;
  }

  /** The last part of the prefix; empty when there is none. */
  public String name() {
    return prefix.substring(prefix.lastIndexOf('/') + 1);
  }

  /** The place that this one is in. */
  public S3Address parent() {
    return new S3Address(bucket, prefix.substring(0, Math.max(0, prefix.lastIndexOf('/'))));
  }

  /** As {@code s3://bucket/prefix}. */
  @Override
  public String toString() {
    return CheckpointSpec.S3_SCHEME + bucket + (prefix.isEmpty() ? "" : "/" + prefix);
  }
}
