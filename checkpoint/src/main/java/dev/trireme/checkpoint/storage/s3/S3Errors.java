package dev.trireme.checkpoint.storage.s3;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.AbortedException;
import software.amazon.awssdk.core.exception.ApiCallAttemptTimeoutException;
import software.amazon.awssdk.core.exception.ApiCallTimeoutException;
import software.amazon.awssdk.core.exception.SdkException;

/**
 * What an error of the AWS SDK means, what was expected, and what mends it. The server's own
 * message is quoted only where it cannot hold a secret or a key's id.
 */
final class S3Errors {
  private static final Set<String> WRONG_REGION =
      Set.of("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint");

  private final S3Address place;
  private final String endpoint;

  /**
   * @param endpoint as the job names it, for messages
   */
  S3Errors(S3Address place, String endpoint) {
    this.place = place;
    this.endpoint = endpoint;
  }

  /**
   * The same as an {@link IOException}.
   *
   * @param what was read or written: a key, or the place
   */
  IOException explain(SdkException e, String what) {
    if (e instanceof AwsServiceException answer) {
      return answered(answer, what);
    }
    if (e instanceof AbortedException) {
      InterruptedIOException interrupted =
          new InterruptedIOException("interrupted while working on " + what);
      interrupted.initCause(e);
      return interrupted;
    }
    return new IOException(unanswered(e, what), e);
  }

  private IOException answered(AwsServiceException e, String what) {
    String code =
        Optional.ofNullable(e.awsErrorDetails()).map(d -> String.valueOf(d.errorCode())).orElse("");
    String found = e.statusCode() + (code.isEmpty() ? "" : " " + code);
    if (code.equals("NoSuchBucket") || e.statusCode() == 404 && what.equals(place.toString())) {
      return new IOException(
          "%s: expected bucket '%s' to be at %s, found none (%s); make it, or name another place"
              .formatted(place, place.bucket(), endpoint, found),
          e);
    }
    if (e.statusCode() == 404 && !code.equals("NoSuchUpload")) {
      return new NoSuchFileException(what);
    }
    if (WRONG_REGION.contains(code) || e.statusCode() == 301) {
      return new IOException(
          "%s: the bucket is in another region (%s); set checkpoint.s3.region to the bucket's"
              .formatted(what, found),
          e);
    }
    if (e.statusCode() == 401 || e.statusCode() == 403) {
      return new IOException(
          "%s: access denied by %s (%s); expected credentials that may list, read, write and delete"
                  .formatted(what, endpoint, found)
              + " there: give these the right, or set others (AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
              + " AWS_SECRET_ACCESS_KEY)",
          e);
    }
    boolean full =
        e.statusCode() == 507 || code.toLowerCase(Locale.ROOT).matches(".*(full|quota).*");
    return new IOException(
        (full ? "no space left in " : "")
            + "%s: %s answered %s after %d attempts: %s"
                .formatted(
                    what,
                    endpoint,
                    found,
                    e.numAttempts() == null ? 1 : e.numAttempts(),
                    Optional.ofNullable(e.awsErrorDetails())
                        .map(d -> String.valueOf(d.errorMessage()))
                        .orElse("nothing more")),
        e);
  }

  private String unanswered(SdkException e, String what) {
    String text = String.valueOf(e.getMessage());
    if (text.contains("Unable to load credentials")) {
      return what
          + ": found no credentials for "
          + endpoint
          + "; expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of the"
          + " host, in the environment of the agents";
    }
    if (text.contains("Unable to load region")) {
      return what
          + ": found no region; set checkpoint.s3.region, or AWS_REGION in the environment of the"
          + " agents";
    }
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof UnknownHostException) {
        return unreachable(what, "there is no host of that name (" + cause.getMessage() + ")");
      }
      if (cause instanceof ConnectException || cause instanceof NoRouteToHostException) {
        return unreachable(what, String.valueOf(cause.getMessage()));
      }
      if (cause instanceof SocketTimeoutException
          || cause instanceof ApiCallTimeoutException
          || cause instanceof ApiCallAttemptTimeoutException) {
        return unreachable(what, "no answer in time");
      }
    }
    return what + ": " + endpoint + ": " + text;
  }

  private String unreachable(String what, String found) {
    return what
        + ": cannot reach "
        + endpoint
        + ": "
        + found
        + "; expected an object store there: look at checkpoint.s3.endpoint, the network and the"
        + " proxy";
  }
}
