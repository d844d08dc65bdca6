/**
 * The command line: what a user types, what they see, and the exit codes that scripts rely on.
 * Results go to standard output; progress, logs and errors to standard error.
 */
package dev.trireme.launcher.cli;
