/** Issues a device's next certificate. Enrolment implements it; the connector knows no more of the CA than this. */
export interface CertificateRenewer {
  /** `csr` is PEM. Throws an AppError whose code and message may be shown to the device. */
  renew(request: { organizationId: string; deviceId: string; csr: string }): Promise<{
    /** PEM: leaf, then intermediate. */
    certificateChain: string;
    /** PEM: roots. */
    caCertificates: string;
    notAfter: Date;
  }>;
}

/** TLS material of an endpoint, in PEM. */
export interface TlsMaterial {
  key: string;
  /** Leaf and intermediates. */
  cert: string;
  /** Roots that client certificates must lead to. */
  ca: string;
}

/** TLS material that may be replaced while the endpoint runs. */
export interface TlsSource {
  current(): TlsMaterial;
  /** Returns the function that ends the subscription. */
  onChange(listener: (material: TlsMaterial) => void): () => void;
}
