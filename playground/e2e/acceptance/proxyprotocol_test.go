package acceptance

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// rawPort is a port at which pods of echoing return what they receive.
const rawPort = 9000

// echoing is the manifest of a Backend whose pods say their name and then return all bytes.
func echoing(backend string) string {
	return strings.Replace(backend, "{name: http, containerPort: 8080}", fmt.Sprintf("{name: http, containerPort: 8080}, {name: tcp-raw, containerPort: %d}", rawPort), 1)
}

func TestAPodSeesTheProxyProtocolHeaderInFrontOfTheClientsBytes(t *testing.T) {
	longtest.Long(t, "a variant: TestAServiceAnswersDatagramsAndBothProtocolsAtOnePort shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onService(t, "sv-11", func(t *testing.T, s *servedBy) {
		s.Apply(t, echoing(scene.Backend(s.ns, "web", 1)))
		ports := fmt.Sprintf("{name: raw, port: 7000, targetPort: %d}, {name: plain, port: 7001, targetPort: %[1]d}", rawPort)
		to := s.targets + " TCP"
		lb := s.serve(t, scene.Annotations{"proxy-protocol-per-target-group": "7000"}, ports, "", "TCP 7000: "+to, "TCP 7001: "+to)
		for port, expected := range map[uint16]bool{7000: true, 7001: false} {
			s.WaitFor(t, fmt.Sprintf("the bytes of port %d", port), func(ctx context.Context) error {
				conn, err := curl.Endpoints(s.Env.Endpoints).Dial(ctx, "tcp", fmt.Sprintf("%s:%d", lb.DNSName, port))
				if err != nil {
					return err
				}
				defer conn.Close() //nolint:errcheck // nothing is kept
				return echoed(conn, port, expected)
			})
		}
	})
}

// echoed sends a line and expects a pod's name, a header if it is expected, and the line.
func echoed(conn net.Conn, port uint16, header bool) error {
	const line = "are you there?\n"
	if err := errors.Join(conn.SetDeadline(time.Now().Add(5*time.Second)), second(conn.Write([]byte(line)))); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	if name, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(name, "web-") {
		return errors.Join(fmt.Errorf("instead of a pod's name: %q", name), err)
	}
	if header {
		client, balancer, err := readProxyHeader(r)
		if err != nil {
			return err
		}
		if local, ok := conn.LocalAddr().(*net.TCPAddr); !ok || client.Port() != uint16(local.Port) || balancer.Port() != port {
			return fmt.Errorf("the header is of %s to %s, the connection of %s to port %d", client, balancer, conn.LocalAddr(), port)
		}
	}
	if got, err := r.ReadString('\n'); got != line {
		return errors.Join(fmt.Errorf("%q came back", got), err)
	}
	return nil
}

// readProxyHeader reads a header of version 2 of the PROXY protocol for TCP, and verifies its checksum, which NLBs always send.
func readProxyHeader(r io.Reader) (client, balancer netip.AddrPort, err error) {
	none := netip.AddrPort{}
	h := make([]byte, 16)
	if _, err := io.ReadFull(r, h); err != nil {
		return none, none, err
	}
	if string(h[:12]) != "\r\n\r\n\x00\r\nQUIT\n" || h[12] != 0x21 {
		return none, none, fmt.Errorf("it begins with %q", h)
	}
	size := map[byte]int{0x11: 4, 0x21: 16}[h[13]] // of an address; TCP over IPv4 or IPv6
	rest := make([]byte, binary.BigEndian.Uint16(h[14:]))
	if _, err := io.ReadFull(r, rest); err != nil {
		return none, none, err
	}
	if size == 0 || len(rest) < 2*size+4 {
		return none, none, fmt.Errorf("family and protocol %#x with %d bytes", h[13], len(rest))
	}
	address := func(at, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(rest[at : at+size])
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(rest[port:]))
	}
	client, balancer = address(0, 2*size), address(size, 2*size+2)
	for values := rest[2*size+4:]; len(values) >= 3; {
		kind, n := values[0], int(binary.BigEndian.Uint16(values[1:]))
		if len(values) < 3+n {
			return none, none, fmt.Errorf("a value of type %#x has %d bytes, there are %d", kind, n, len(values)-3)
		}
		if kind == 0x03 { // CRC32C of the header with zeros in its place
			sum := binary.BigEndian.Uint32(values[3:])
			clear(values[3 : 3+n])
			if is := crc32.Checksum(append(h, rest...), crc32.MakeTable(crc32.Castagnoli)); is != sum {
				return none, none, fmt.Errorf("the checksum is %#x, want %#x", sum, is)
			}
			return client, balancer, nil
		}
		values = values[3+n:]
	}
	return none, none, errors.New("there is no checksum")
}
