package dev.trireme.api.job;

import java.util.Optional;

/**
 * How an S3-compatible object store is reached. Credentials are not part of a job: they come from
 * the environment, the profile or the host, as the AWS SDK looks for them.
 *
 * @param endpoint as {@code http://host:9000}; Amazon's own when absent
 * @param region as {@code eu-central-1}; as the AWS SDK finds it when absent
 * @param pathStyle whether the bucket stands in the path and not in the host's name
 */
public record S3Spec(
    @Key("The address of the object store, as http://host:9000; Amazon's own when absent.")
        Optional<String> endpoint,
    @Key("The region, as eu-central-1; as the AWS SDK finds it when absent.")
        Optional<String> region,
    @Key(
            value = "Whether the bucket stands in the path and not in the host's name.",
            defaultValue = "false")
        boolean pathStyle) {
  public S3Spec {
    if (endpoint.isPresent() && !endpoint.get().matches("https?://[^/\\s]+/?")) {
      throw new SpecException(
          "endpoint", "expected an address as http://host:9000, found '" + endpoint.get() + "'");
    }
  }

  /** Amazon's own. */
  public static final S3Spec DEFAULT = new S3Spec(Optional.empty(), Optional.empty(), false);
}
