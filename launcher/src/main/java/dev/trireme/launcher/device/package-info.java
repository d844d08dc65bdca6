/** What this machine has to compute with: CUDA devices, the libraries for them, and the doctor. */
package dev.trireme.launcher.device;
