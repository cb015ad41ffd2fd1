#include "tests/testing/fake_blob_store.h"

#include "tests/storage/blob_store_conformance.h"

namespace joinery::storage {
namespace {

class FakeHarness {
 public:
  BlobStore& store() { return store_; }

 private:
  joinery::testing::FakeBlobStore store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, BlobStoreConformance, FakeHarness);

}  // namespace
}  // namespace joinery::storage
