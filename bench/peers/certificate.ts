import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { BenchError } from '../bench-error.js'

/** PEM files of a self-signed certificate with a P-256 key, as small as certificates get. */
export interface Certificate {
  certFile: string
  keyFile: string
}

/** @throws BenchError where `openssl` is not installed. */
export function makeCertificate(folder: string): Certificate {
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '30']
  try {
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile], {
      stdio: 'ignore',
    })
  } catch (error) {
    throw new BenchError(
      `openssl could not make a certificate (Debian package openssl): ${(error as Error).message}`,
      1,
    )
  }
  return { certFile, keyFile }
}
