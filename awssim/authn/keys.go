package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys      = 10
	maxKeySet    = 150 << 10        // bytes
	keySearching = 10 * time.Second // an unknown key id is looked for no oftener than this
)

// keySets are the fetched key sets by URL.
type keySets struct {
	life  time.Duration
	mu    sync.Mutex
	byURL map[string]*keySet
}

// keySet is one endpoint's keys. Its lock is held while they are fetched, so that one request fetches for all.
type keySet struct {
	mu      sync.Mutex
	fetched time.Time
	keys    []jose.JSONWebKey
	err     error // of the last attempt
}

func (k *keySets) at(url string) *keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.byURL[url]
	if s == nil {
		s = &keySet{}
		k.byURL[url] = s
	}
	return s
}

// key finds a key by its id. Keys are fetched when there are none, when they are old, and when the id is new; keys at
// hand outlive an endpoint that fails.
func (a *Authenticator) key(ctx context.Context, url, id string) (*jose.JSONWebKey, error) {
	s := a.keys.at(url)
	s.mu.Lock()
	defer s.mu.Unlock()
	age := a.now().Sub(s.fetched)
	key := s.find(id)
	if age >= a.keys.life || key == nil && age >= keySearching {
		keys, err := a.fetchKeys(ctx, url)
		if ctx.Err() == nil { // a client that left is no news about the endpoint
			s.fetched, s.err = a.now(), err
		}
		if err == nil {
			s.keys = keys
		}
		key = s.find(id)
	}
	switch {
	case key != nil:
		return key, nil
	case s.err != nil:
		return nil, s.err
	}
	return nil, failed(TokenSignature, fmt.Errorf("the key set at %s has no RSA key %q", url, id))
}

func (s *keySet) find(id string) *jose.JSONWebKey {
	for i := range s.keys {
		if s.keys[i].KeyID == id {
			return &s.keys[i]
		}
	}
	return nil
}

// fetchKeys fetches a key set (RFC 7517).
func (a *Authenticator) fetchKeys(ctx context.Context, url string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, failed(KeysFailed, err)
	}
	status, body, _, err := a.call(ctx, req, maxKeySet)
	switch {
	case errors.Is(err, errTooLong):
		return nil, failed(KeysSizeExceeded, err)
	case err != nil:
		return nil, failed(KeysTimeout, err)
	case status != http.StatusOK:
		return nil, failed(KeysFailed, fmt.Errorf("%s answers %d", url, status))
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, failed(KeysInvalid, fmt.Errorf("%s: %w", url, err))
	}
	if len(set.Keys) > maxKeys {
		return nil, failed(KeysSizeExceeded, fmt.Errorf("%s has %d keys, and %d is the limit", url, len(set.Keys), maxKeys))
	}
	return set.Keys, nil
}
