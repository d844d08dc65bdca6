package dev.trireme.launcher.cluster;

import dev.trireme.protocol.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Optional;
import java.util.Set;

/**
 * What a directory of credentials holds, as {@code trireme cluster init} makes it.
 *
 * <ul>
 *   <li>{@code ca.pem}: the certificate of the cluster's authority; public;
 *   <li>{@code api-token}: what every request to the HTTP interface must carry; secret;
 *   <li>{@code node.pem}, {@code node-key.pem}: what coordinators and agents prove themselves with;
 *       the key is secret, and users have no use for it.
 * </ul>
 *
 * @param authority certificate of the authority; absent where only a token was kept
 * @param token of the HTTP interface
 * @param tls files of a node; absent with a user
 */
public record Credentials(Optional<Path> authority, String token, Optional<TlsFiles> tls) {
  /** The file that holds the token. */
  public static final String TOKEN = "api-token";

  /** The file that holds the certificate of the cluster's authority. */
  public static final String AUTHORITY = "ca.pem";

  static final String AUTHORITY_KEY = "ca-key.pem";
  static final String CERTIFICATE = "node.pem";
  static final String KEY = "node-key.pem";

  /** Credentials that cannot be used; the message says which file, and how to mend it. */
  public static final class UnusableException extends Exception {
    private static final long serialVersionUID = 1L;

    UnusableException(String message) {
      super(message);
    }
  }

  /**
   * For a coordinator or an agent.
   *
   * @throws UnusableException when a file is missing or secrets can be read by others
   */
  public static Credentials ofNode(Path directory) throws UnusableException {
    Path absolute = directory.toAbsolutePath();
    TlsFiles tls =
        new TlsFiles(
            secret(absolute.resolve(KEY)),
            present(absolute.resolve(CERTIFICATE)),
            present(absolute.resolve(AUTHORITY)));
    return new Credentials(
        Optional.of(tls.authority()), token(absolute.resolve(TOKEN)), Optional.of(tls));
  }

  /**
   * For somebody who asks the HTTP interface.
   *
   * @throws UnusableException when the token is missing or can be read by others
   */
  public static Credentials ofUser(Path directory) throws UnusableException {
    Path absolute = directory.toAbsolutePath();
    Path authority = absolute.resolve(AUTHORITY);
    return new Credentials(
        Optional.of(authority).filter(Files::isRegularFile),
        token(absolute.resolve(TOKEN)),
        Optional.empty());
  }

  private static String token(Path file) throws UnusableException {
    try {
      String token = Files.readString(secret(file)).strip();
      if (!token.matches("[A-Za-z0-9]{32,256}")) {
        throw new UnusableException(
            file + ": expected a token of 32 to 256 letters and digits, found something else");
      }
      return token;
    } catch (IOException e) {
      throw new UnusableException("cannot read " + file + ": " + e);
    }
  }

  private static Path present(Path file) throws UnusableException {
    if (!Files.isReadable(file)) {
      throw new UnusableException(
          "expected "
              + file
              + ", found no such file that this user can read; 'trireme cluster init DIR' makes"
              + " credentials and says what to copy where");
    }
    return file;
  }

  private static Path secret(Path file) throws UnusableException {
    present(file);
    try {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
      if (permissions.stream().anyMatch(p -> !p.name().startsWith("OWNER_"))) {
        throw new UnusableException(
            file + ": other users of this machine can read this secret; chmod 600 it");
      }
      return file;
    } catch (IOException | UnsupportedOperationException e) {
      throw new UnusableException("cannot tell who may read " + file + ": " + e);
    }
  }
}
