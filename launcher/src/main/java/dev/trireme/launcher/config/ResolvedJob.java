package dev.trireme.launcher.config;

import dev.trireme.api.job.JobSpec;

/**
 * A job spec as it was meant: file and overrides put together, every default filled in.
 *
 * @param spec the records
 * @param yaml the same as a job file, re-readable on its own, for {@code job.yaml} in the run
 *     directory and for the ranks
 * @param origin where each key was written, for faults that show only later
 */
public record ResolvedJob(JobSpec spec, String yaml, Origin origin) {

  /** Where the keys of a job spec were written. */
  public static final class Origin {
    private final YamlNode root;
    private final Place whole;

    Origin(YamlNode root, Place whole) {
      this.root = root;
      this.whole = whole;
    }

    /**
     * A problem with this key, at the place of the key or, where it was left out, of the nearest
     * section around it.
     *
     * @param key as {@code data.train.images}; names of variants may be left out of it
     */
    public ConfigProblem problem(String key, String message) {
      KeyPaths.Found found = KeyPaths.locate(root, key, "", whole);
      return ConfigProblem.of(found.place(), found.path(), message);
    }
  }
}
