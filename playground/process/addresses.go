package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreeAddresses finds addresses of this machine that are free now and that a child takes a moment later. They lie below the range from
// which systems give ports to outgoing connections, any of which could take one in between, and differ from each other.
func FreeAddresses(n int) ([]string, error) {
	const first, count, attempts = 10240, 32768 - 10240, 100
	var all []string
	var last error
	for range attempts {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(count))))
		if err != nil {
			last = err
			continue
		}
		defer l.Close() //nolint:errcheck // nobody connected; held until all are found
		if all = append(all, l.Addr().String()); len(all) == n {
			return all, nil
		}
	}
	return nil, fmt.Errorf("find a free port: %w", last)
}
