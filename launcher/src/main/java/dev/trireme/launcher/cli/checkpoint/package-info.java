/** {@code trireme checkpoint}: looks at checkpoints, verifies them, and takes weights out. */
package dev.trireme.launcher.cli.checkpoint;
