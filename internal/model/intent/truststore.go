package intent

// TrustStore is a trust store that the stack is to own: authorities by which listeners verify the certificates of
// clients.
type TrustStore struct {
	ID     string // identity; see naming.TrustStoreID
	Bundle string `json:"-"` // the certificates of the authorities in PEM; empty = not known
	Hash   string // of the bundle
	Source Source
}
