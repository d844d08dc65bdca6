package dev.trireme.bench;

import java.io.IOException;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/**
 * A JVM that has loaded libtorch and does nothing: the least memory that a rank can have. Prints
 * {@code ready} and waits until its standard input closes.
 */
public final class BareJvm {
  private BareJvm() {}

  /** Takes no arguments. */
  public static void main(String[] arguments) throws IOException {
    Loader.load(torch.class);
    System.out.println("ready");
    while (System.in.read() >= 0) {
      // what comes is not looked at
    }
  }
}
