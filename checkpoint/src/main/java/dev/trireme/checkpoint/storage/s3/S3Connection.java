package dev.trireme.checkpoint.storage.s3;

import dev.trireme.api.job.S3Spec;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.regions.providers.AwsProfileRegionProvider;
import software.amazon.awssdk.regions.providers.AwsRegionProviderChain;
import software.amazon.awssdk.regions.providers.DefaultAwsRegionProviderChain;
import software.amazon.awssdk.regions.providers.SystemSettingsRegionProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ListMultipartUploadsResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * One client of an object store, and the few requests that checkpoints need of it: each with a
 * deadline, a bounded number of attempts, and errors that say what to do.
 *
 * <p>Credentials are the SDK's default chain's business alone: the environment, the profile, or the
 * host's role.
 *
 * <p>Threading: any. Blocking: each request for at most {@link #CALL}.
 */
final class S3Connection implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(S3Connection.class);

  /** Of one request with all its attempts. */
  static final Duration CALL = Duration.ofMinutes(3);

  private static final Duration ATTEMPT = Duration.ofMinutes(1);
  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final Duration SOCKET = Duration.ofSeconds(30);
  private static final int ATTEMPTS = 4;

  /** Parts of a file that are on their way at once. */
  static final int UPLOADS = 3;

  /** Objects that one place may hold: far more than {@code keep} times the ranks ever are. */
  private static final int MAX_OBJECTS = 1_000_000;

  private final S3Address place;
  private final S3Client client;
  private final S3Errors errors;
  private final ThreadPoolExecutor uploads;

  /** Sends nothing yet. */
  S3Connection(S3Address place, S3Spec spec) throws IOException {
    this.place = place;
    String endpoint = spec.endpoint().orElse("Amazon S3");
    this.errors = new S3Errors(place, endpoint);
    this.client = call(() -> client(spec));
    this.uploads =
        new ThreadPoolExecutor(
            UPLOADS,
            UPLOADS,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(UPLOADS + 1),
            task -> {
              Thread thread = new Thread(task, "checkpoint-s3-upload");
              thread.setDaemon(true);
              return thread;
            });
    uploads.allowCoreThreadTimeOut(true);
  }

  private static S3Client client(S3Spec spec) {
    S3ClientBuilder builder =
        S3Client.builder()
            .httpClientBuilder(
                UrlConnectionHttpClient.builder().connectionTimeout(CONNECT).socketTimeout(SOCKET))
            .overrideConfiguration(
                o ->
                    o.apiCallTimeout(CALL)
                        .apiCallAttemptTimeout(ATTEMPT)
                        .retryStrategy(r -> r.maxAttempts(ATTEMPTS)))
            // Our own hashes verify what is read, wherever it was damaged.
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .forcePathStyle(spec.pathStyle());
    if (spec.endpoint().isPresent()) {
      // Stores other than Amazon's often know neither checksums in trailers nor chunked signatures.
      builder
          .endpointOverride(URI.create(spec.endpoint().get()))
          .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
          .serviceConfiguration(S3Configuration.builder().chunkedEncodingEnabled(false).build());
    }
    return builder.region(region(spec)).build();
  }

  private static Region region(S3Spec spec) {
    if (spec.region().isPresent()) {
      return Region.of(spec.region().get());
    }
    if (spec.endpoint().isEmpty()) {
      return new DefaultAwsRegionProviderChain().getRegion();
    }
    try {
      // The whole chain would ask the host's cloud, which has no say in another's store, and wait.
      return new AwsRegionProviderChain(
              new SystemSettingsRegionProvider(), new AwsProfileRegionProvider())
          .getRegion();
    } catch (SdkException e) {
      return Region.US_EAST_1; // What a store without regions expects to see in a signature.
    }
  }

  /** Does something with a client; its errors are explained as the place's. */
  <T> T call(Supplier<T> request) throws IOException {
    return call(place.toString(), request);
  }

  /** Does something with a client; its errors are explained as those of {@code what}. */
  <T> T call(String what, Supplier<T> request) throws IOException {
    try {
      return request.get();
    } catch (SdkException e) {
      throw errors.explain(e, what);
    }
  }

  S3Address place() {
    return place;
  }

  S3Client client() {
    return client;
  }

  /** Where parts of a file are uploaded side by side. */
  ExecutorService uploads() {
    return uploads;
  }

  /** As {@code s3://bucket/key}, for messages. */
  String name(String key) {
    return new S3Address(place.bucket(), key).toString();
  }

  /** The size of an object. */
  long size(String key) throws IOException {
    return call(
        name(key), () -> client.headObject(r -> r.bucket(place.bucket()).key(key)).contentLength());
  }

  /** The keys that begin so. */
  List<String> list(String prefix) throws IOException {
    List<String> keys = new ArrayList<>();
    String token = null;
    do {
      String from = token;
      ListObjectsV2Response page =
          call(
              () ->
                  client.listObjectsV2(
                      r -> r.bucket(place.bucket()).prefix(prefix).continuationToken(from)));
      page.contents().stream().map(S3Object::key).forEach(keys::add);
      if (keys.size() > MAX_OBJECTS) {
        throw new IOException(
            name(prefix)
                + ": expected at most "
                + MAX_OBJECTS
                + " objects, found more; is this a place for checkpoints alone?");
      }
      token = Boolean.TRUE.equals(page.isTruncated()) ? page.nextContinuationToken() : null;
    } while (token != null);
    return keys;
  }

  /**
   * The uploads of files that begin so which were neither completed nor given up: at most a
   * thousand. Where the store does not tell, none; it then has to clean them up by itself.
   */
  List<MultipartUpload> unfinished(String prefix) {
    try {
      ListMultipartUploadsResponse page =
          client.listMultipartUploads(r -> r.bucket(place.bucket()).prefix(prefix));
      return page.uploads().stream().filter(u -> u.key().startsWith(prefix)).toList();
    } catch (SdkException e) {
      LOG.debug("{} does not list unfinished uploads", place, e);
      return List.of();
    }
  }

  /** Deletes an object, if it is there. */
  void delete(String key) throws IOException {
    call(name(key), () -> client.deleteObject(r -> r.bucket(place.bucket()).key(key)));
  }

  /** Deletes all objects and gives up all uploads whose keys begin so. */
  void deleteAll(String prefix) throws IOException {
    for (MultipartUpload upload : unfinished(prefix)) {
      call(
          name(upload.key()),
          () ->
              client.abortMultipartUpload(
                  r -> r.bucket(place.bucket()).key(upload.key()).uploadId(upload.uploadId())));
    }
    for (String key : list(prefix)) {
      delete(key);
    }
  }

  /** Whether the bucket is there and may be looked into. */
  void requireBucket() throws IOException {
    call(() -> client.headBucket(r -> r.bucket(place.bucket())));
  }

  /** There is no such limit that a store would tell. */
  OptionalLong usableBytes() {
    return OptionalLong.empty();
  }

  /** Ends its threads and connections; uploads under way fail. */
  @Override
  public void close() {
    uploads.shutdownNow();
    client.close();
  }
}
