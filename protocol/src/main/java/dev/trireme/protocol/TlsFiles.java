package dev.trireme.protocol;

import java.nio.file.Path;
import java.util.Objects;

/**
 * What a node shows to be one of the cluster, and by what it knows the others: PEM files that
 * {@code trireme cluster init} makes. They are read again now and then, so that new ones may be put
 * in their place while a node runs.
 *
 * @param key private RSA key, PKCS #8
 * @param certificate of that key
 * @param authority certificate of the authority that every node's certificate must be signed by
 */
public record TlsFiles(Path key, Path certificate, Path authority) {
  public TlsFiles {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(certificate, "certificate");
    Objects.requireNonNull(authority, "authority");
  }
}
