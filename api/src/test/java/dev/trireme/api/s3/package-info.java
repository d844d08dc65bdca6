/** An object store for tests. */
package dev.trireme.api.s3;
