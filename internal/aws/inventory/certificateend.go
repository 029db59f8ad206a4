package inventory

import "time"

// FirstCertificateEnd is when the first of ACM's certificates expires that listeners of stacks have, as of the last list of certificates; zero = that
// is not known. It reads nothing.
func (i *Inventory) FirstCertificateEnd() time.Time {
	var arns []string
	i.mu.Lock()
	for _, e := range i.stacks {
		for n := range e.obs.Listeners {
			arns = append(append(arns, e.obs.Listeners[n].Certificates...), e.obs.Listeners[n].SNI...)
		}
	}
	i.mu.Unlock()
	return i.certificates.FirstEnd(arns)
}
