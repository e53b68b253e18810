package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// blobs are the files of an image layout: a directory's, or members of a tar.
type blobs interface {
	// open fails with fs.ErrNotExist for what is not there.
	open(name string) (io.ReadCloser, int64, error)
}

// layer is a tar, compressed or not, and what its bytes have to be.
type layer struct {
	name   string
	open   func() (io.ReadCloser, error)
	digest string // sha256 of the bytes as they are, "" if it is not known
	diffID string // the same of the tar that comes out

	// The same as open, if it is a compressed tar of which nothing is known yet.
	stream func() (io.ReadCloser, error)
}

// image is one file system: one platform of an image, or a package.
type image struct {
	names  []string // that choose it: platform, tag, digest
	layers []layer
	tree   *tree
}

// maxJSON is the largest manifest, in bytes; the specification has registries
// take at least 4 MiB.
const (
	maxJSON   = 8 << 20
	maxImages = 256
	maxLayers = 1024 // 127 is what overlayfs and docker can stack
	maxNested = 8    // indexes in indexes
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

type manifest struct {
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

type config struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	RootFS       struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// isDigest reports whether a text is "sha256:" and 64 hexadecimal digits.
func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// blobName is where the layout has a digest; only sha256 is known.
func blobName(digest string) (string, error) {
	if !isDigest(digest) {
		return "", fmt.Errorf("digest %.80q: %w", digest, ErrUnsupported)
	}
	return "blobs/sha256/" + digest[len("sha256:"):], nil
}

// readJSON reads a small blob; digest "" is not checked.
func readJSON(b blobs, name, digest string, into any) error {
	r, _, err := b.open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case len(data) > maxJSON:
		return fmt.Errorf("%s: more than %d bytes: %w", name, maxJSON, ErrLimit)
	}
	if sum := sha256.Sum256(data); digest != "" && digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%s: its bytes have another digest: %w", name, ErrFormat)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %v (%w)", name, err, ErrFormat)
	}
	return nil
}

// ociImages are the images of index.json and of the indexes that it leads to.
func ociImages(ctx context.Context, b blobs) ([]*image, error) {
	var top manifest
	if err := readJSON(b, "index.json", "", &top); err != nil {
		return nil, err
	}
	var out []*image
	seen := map[string]bool{}
	var visit func(d descriptor, tag string, depth int) error
	visit = func(d descriptor, tag string, depth int) error {
		if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || seen[d.Digest] {
			return nil // says how another one was built; or the same image by another tag
		}
		seen[d.Digest] = true
		if depth > maxNested || len(seen) > maxImages {
			return fmt.Errorf("too many images: %w", ErrLimit)
		}
		name, err := blobName(d.Digest)
		if err != nil {
			return err
		}
		var m manifest
		if err := readJSON(b, name, d.Digest, &m); err != nil {
			return err
		}
		tag = first(d.Annotations["org.opencontainers.image.ref.name"], tag)
		for _, sub := range m.Manifests {
			if err := visit(sub, tag, depth+1); err != nil {
				return err
			}
		}
		if len(m.Manifests) > 0 || len(m.Layers) == 0 {
			return ctx.Err()
		}
		i, err := ociImage(b, d, m, tag)
		if err == nil {
			out = append(out, i)
		}
		return err
	}
	for _, d := range top.Manifests {
		if err := visit(d, "", 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func ociImage(b blobs, d descriptor, m manifest, tag string) (*image, error) {
	i := &image{}
	var c config
	if name, err := blobName(m.Config.Digest); err == nil && strings.Contains(m.Config.MediaType, "config") {
		if err := readJSON(b, name, m.Config.Digest, &c); err != nil {
			return nil, err
		}
	}
	os, arch, variant := c.OS, c.Architecture, c.Variant
	if p := d.Platform; p != nil {
		os, arch, variant = p.OS, p.Architecture, p.Variant
	}
	i.name(os, arch, variant, tag, d.Digest)
	if len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("%d layers: %w", len(m.Layers), ErrLimit)
	}
	for k, l := range m.Layers {
		name, err := blobName(l.Digest)
		if err != nil {
			return nil, err
		}
		diffID := ""
		if len(c.RootFS.DiffIDs) == len(m.Layers) {
			diffID = c.RootFS.DiffIDs[k]
		}
		i.layers = append(i.layers, blobLayer(b, name, l.Digest, diffID))
	}
	return i, nil
}

// name gathers what the image may be chosen by; the first one is what is told.
func (i *image) name(os, arch, variant, tag, digest string) {
	if os != "" && arch != "" {
		p := os + "/" + arch
		if variant != "" {
			i.names = append(i.names, p+"/"+variant)
		}
		i.names = append(i.names, p)
	}
	for _, n := range []string{tag, digest} {
		if n != "" {
			i.names = append(i.names, n)
		}
	}
}

func blobLayer(b blobs, name, digest, diffID string) layer {
	return layer{name: name, digest: digest, diffID: diffID, open: func() (io.ReadCloser, error) {
		r, _, err := b.open(name)
		return r, err
	}}
}

// dockerImages are those of manifest.json. Its layers are named by file; what
// their bytes have to be says the configuration, whose own name is its digest.
func dockerImages(b blobs) ([]*image, error) {
	var all []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := readJSON(b, "manifest.json", "", &all); err != nil {
		return nil, err
	}
	if len(all) > maxImages {
		return nil, fmt.Errorf("%d images: %w", len(all), ErrLimit)
	}
	var out []*image
	for _, m := range all {
		var c config
		digest := "sha256:" + strings.TrimSuffix(m.Config[strings.LastIndex(m.Config, "/")+1:], ".json")
		if !isDigest(digest) {
			return nil, fmt.Errorf("manifest.json: configuration %.80q: %w", m.Config, ErrFormat)
		}
		if err := readJSON(b, m.Config, digest, &c); err != nil {
			return nil, err
		}
		if len(m.Layers) > maxLayers || len(c.RootFS.DiffIDs) != len(m.Layers) {
			return nil, fmt.Errorf("manifest.json: %d layers, its configuration has %d: %w", len(m.Layers), len(c.RootFS.DiffIDs), ErrFormat)
		}
		i := &image{}
		i.name(c.OS, c.Architecture, c.Variant, first(m.RepoTags...), digest)
		for k, name := range m.Layers {
			i.layers = append(i.layers, blobLayer(b, name, "", c.RootFS.DiffIDs[k]))
		}
		out = append(out, i)
	}
	return out, nil
}

func first(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}
