package dev.trireme.launcher.cluster;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Makes a cluster's credentials: an authority, a key with a certificate that all nodes share, and a
 * token. The JDK can sign certificates only through its own {@code keytool}, which every Java
 * brings; it works in a directory that nobody else can enter and that is deleted in the end.
 */
public final class CredentialsMaker {
  private static final int KEYTOOL_SECONDS = 60;
  private static final String PASSWORD_VARIABLE = "TRIREME_KEYTOOL_PASSWORD";
  private static final String YEARS = "3650";

  private final Path work;
  private final String password;

  private CredentialsMaker(Path work, String password) {
    this.work = work;
    this.password = password;
  }

  /**
   * Makes them in a directory, which is made if absent (mode 0700) and must hold none yet. Takes a
   * few seconds.
   *
   * @throws Credentials.UnusableException when they cannot be made; the message says why
   */
  public static void make(Path directory) throws Credentials.UnusableException {
    try {
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      try (Stream<Path> there = Files.list(directory)) {
        if (there.findAny().isPresent()) {
          throw new Credentials.UnusableException(
              "'" + directory + "' is not empty; name a directory that is not there yet");
        }
      }
      Path work = Files.createTempDirectory("trireme-init");
      try {
        new CredentialsMaker(work, random()).makeIn(directory);
      } finally {
        delete(work);
      }
    } catch (FileAlreadyExistsException e) {
      throw new Credentials.UnusableException(
          "'" + directory + "' is a file; name a directory that is not there yet");
    } catch (IOException | GeneralSecurityException e) {
      throw new Credentials.UnusableException(
          "cannot make credentials in '" + directory + "': " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Credentials.UnusableException("interrupted while making credentials");
    }
  }

  /**
   * The same, where they appear as a whole or not at all.
   *
   * @param directory that is not there yet, in one that is
   */
  static void makeWhole(Path directory) throws Credentials.UnusableException {
    Path part = directory.resolveSibling("." + directory.getFileName() + ".part");
    try {
      if (Files.exists(part, LinkOption.NOFOLLOW_LINKS)) {
        delete(part);
      }
      make(part);
      Files.move(part, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new Credentials.UnusableException(
          "cannot make credentials in '" + directory + "': " + e);
    }
  }

  private static void makeToken(Path file) throws IOException {
    write(file, random() + "\n", true);
  }

  private static String random() {
    byte[] secret = new byte[32];
    new SecureRandom().nextBytes(secret);
    return HexFormat.of().formatHex(secret);
  }

  private void makeIn(Path directory)
      throws IOException, InterruptedException, GeneralSecurityException {
    String number = HexFormat.of().toHexDigits(new SecureRandom().nextInt());
    pair("ca", "CN=trireme-authority-" + number, "bc:critical=ca:true", "ku:critical=keyCertSign");
    pair(
        "node",
        "CN=trireme-node-" + number,
        "san=dns:trireme-node",
        "eku=serverAuth,clientAuth",
        "ku:critical=digitalSignature");
    KeyStore store = KeyStore.getInstance(storeFile().toFile(), password.toCharArray());
    write(directory.resolve(Credentials.AUTHORITY_KEY), pem(key(store, "ca")), true);
    write(directory.resolve(Credentials.AUTHORITY), pem(store.getCertificate("ca")), false);
    write(directory.resolve(Credentials.KEY), pem(key(store, "node")), true);
    write(directory.resolve(Credentials.CERTIFICATE), pem(store.getCertificate("node")), false);
    makeToken(directory.resolve(Credentials.TOKEN));
  }

  private Path storeFile() {
    return work.resolve("store.p12");
  }

  private Key key(KeyStore store, String alias) throws GeneralSecurityException {
    return store.getKey(alias, password.toCharArray());
  }

  /**
   * An RSA key, for Akka reads no other, with a certificate: the authority's is signed by itself,
   * any other by the authority.
   */
  private void pair(String alias, String name, String... extensions)
      throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(
            List.of("-genkeypair", "-alias", alias, "-keyalg", "RSA", "-keysize", "3072"));
    arguments.addAll(List.of("-sigalg", "SHA256withRSA", "-validity", YEARS, "-dname", name));
    if (!alias.equals("ca")) {
      arguments.addAll(List.of("-signer", "ca"));
    }
    for (String extension : extensions) {
      arguments.addAll(List.of("-ext", extension));
    }
    keytool(arguments.toArray(String[]::new));
  }

  private void keytool(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(arguments));
    command.addAll(List.of("-keystore", storeFile().toString(), "-storetype", "PKCS12"));
    command.addAll(List.of("-storepass:env", PASSWORD_VARIABLE));
    Path output = work.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().put(PASSWORD_VARIABLE, password);
    Process process = builder.start();
    if (!process.waitFor(KEYTOOL_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("keytool was not done within " + KEYTOOL_SECONDS + " s");
    }
    if (process.exitValue() != 0) {
      throw new IOException("keytool: " + Files.readString(output).strip());
    }
  }

  private static String pem(Key key) {
    return pem("PRIVATE KEY", key.getEncoded());
  }

  private static String pem(Certificate certificate) throws GeneralSecurityException {
    return pem("CERTIFICATE", certificate.getEncoded());
  }

  private static String pem(String what, byte[] der) {
    Base64.Encoder encoder = Base64.getMimeEncoder(64, new byte[] {'\n'});
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(what, encoder.encodeToString(der), what);
  }

  /** With its mode from the first byte on. */
  private static void write(Path file, String text, boolean secret) throws IOException {
    Set<PosixFilePermission> mode =
        PosixFilePermissions.fromString(secret ? "rw-------" : "rw-r--r--");
    Set<OpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (var channel =
        Files.newByteChannel(file, options, PosixFilePermissions.asFileAttribute(mode))) {
      channel.write(java.nio.ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  private static void delete(Path tree) throws IOException {
    try (Stream<Path> files = Files.walk(tree)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
