package intent

// TrustStore is a trust store that the stack shall own: authorities by which listeners verify client certificates.
type TrustStore struct {
	ID     string // identity; see naming.TrustStoreID
	Bundle string `json:"-"` // the certificates of the authorities in PEM; empty = not known
	Hash   string // of the bundle
	Source Source
}
