package secretdata

import (
	"crypto/sha256"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// mostPairs is how many Secrets Pairs remembers at least, and half of how many it remembers at most.
const mostPairs = 1000

// Pairs remembers what Secrets hold. To verify a private key takes a millisecond, and each pass over a load balancer
// reads the same Secrets. It is safe for concurrent use; its zero value is ready.
type Pairs struct {
	mu sync.Mutex
	// used is full at mostPairs, and then replaces former. What is read of former is used again; the rest is forgotten.
	used, former map[content]certificate
}

// content is the hash of a certificate and of its key, as a Secret has them.
type content struct{ certificate, key [sha256.Size]byte }

// read reads a Secret, unless what it holds is remembered.
func (p *Pairs) read(s *corev1.Secret) certificate {
	if p == nil || s.Type != corev1.SecretTypeTLS {
		return read(s)
	}
	has := content{sha256.Sum256(s.Data[corev1.TLSCertKey]), sha256.Sum256(s.Data[corev1.TLSPrivateKeyKey])}
	c, known := p.recall(has)
	if !known {
		c = read(s)
		p.keep(has, c)
	}
	return c
}

// recall returns what a Secret holds, if it is remembered.
func (p *Pairs) recall(has content) (certificate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, known := p.used[has]
	if known {
		return c, true
	}
	if c, known = p.former[has]; known {
		p.add(has, c)
	}
	return c, known
}

func (p *Pairs) keep(has content, c certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(has, c)
}

// add adds what a Secret holds. p.mu is held.
func (p *Pairs) add(has content, c certificate) {
	if p.used == nil || len(p.used) >= mostPairs {
		p.used, p.former = map[content]certificate{}, p.used
	}
	p.used[has] = c
}
