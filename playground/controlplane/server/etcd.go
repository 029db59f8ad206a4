package server

import (
	"context"
	"errors"
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
)

type etcdServer struct {
	server *embed.Etcd
	url    string
}

// startEtcd starts a single-member etcd on free loopback ports, with the content of a directory if there is any.
// Nothing is synced to disk: a playground that loses power is simply started again.
func startEtcd(ctx context.Context, dir, log string) (*etcdServer, error) {
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.UnsafeNoFsync = true
	cfg.LogLevel = "warn"
	cfg.LogOutputs = []string{log}
	anyPort := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg.ListenClientUrls = []url.URL{anyPort}
	cfg.ListenPeerUrls = []url.URL{anyPort}
	// A single member never dials what it advertises; the values only have to agree with each other.
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:2380"}
	cfg.AdvertisePeerUrls = []url.URL{peer}
	cfg.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2379"}}
	cfg.InitialCluster = cfg.Name + "=" + peer.String()
	// With one member an election has one candidate; the default of a second is pure waiting.
	cfg.TickMs, cfg.ElectionMs = 10, 100

	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	e := &etcdServer{server: server}
	select {
	case <-server.Server.ReadyNotify():
		e.url = "http://" + server.Clients[0].Addr().String()
		return e, nil
	case err = <-server.Err():
	case <-server.Server.StopNotify():
		err = errors.New("stopped while starting")
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.stop()
	return nil, err
}

func (e *etcdServer) stop() { e.server.Close() }
