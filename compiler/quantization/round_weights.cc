#include "compiler/quantization/round_weights.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace joinery::compiler {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
using Vector = Eigen::VectorXf;

constexpr int64_t kDeepest = 2304;
// Weights rounded before the rest is told what was lost.
constexpr Eigen::Index kBlock = 64;
// Added to the variances, as a share of their mean: keeps inputs that were seen to move together by chance apart.
constexpr float kDamping = 0.03F;
constexpr float kLargest = 127;

// A part of one group: output channels, and a range of the numbers they read.
class Part {
 public:
  Part(const LinearWeights& weights, const LayerInputs& inputs, int64_t group, int64_t first, int64_t depth)
      : weights_(weights),
        inputs_(inputs),
        group_(group),
        first_(first),
        depth_(depth),
        outputs_(weights.outputs / weights.groups) {}

  void Round(QuantizedWeights& rounded, std::vector<float>* bias) {
    const Matrix columns = Columns();
    const Vector means = bias == nullptr ? Vector(Vector::Zero(depth_)) : Vector(columns.colwise().mean());
    Matrix covariance = Covariance(columns, means);
    std::vector<Eigen::Index> order(static_cast<size_t>(depth_));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](Eigen::Index a, Eigen::Index b) { return covariance(a, a) > covariance(b, b); });
    const Eigen::PermutationMatrix<Eigen::Dynamic> permutation(
        Eigen::Map<const Eigen::Matrix<Eigen::Index, Eigen::Dynamic, 1>>(order.data(), depth_).cast<int>());
    covariance = permutation.transpose() * covariance * permutation;

    Matrix left = Weights(order);
    const Matrix before = left;
    Vector scales(outputs_);
    for (int64_t o = 0; o < outputs_; ++o) scales(o) = ScaleOf(rounded, o);
    const Matrix numbers = RoundInOrder(InverseFactor(covariance), scales, left);
    for (int64_t o = 0; o < outputs_; ++o) {
      double correction = 0;
      for (int64_t k = 0; k < depth_; ++k) {
        rounded.values[Index(o, order[static_cast<size_t>(k)])] = static_cast<int8_t>(numbers(o, k));
        correction += (before(o, k) - numbers(o, k) * scales(o)) * means(order[static_cast<size_t>(k)]);
      }
      if (bias != nullptr) (*bias)[static_cast<size_t>(group_ * outputs_ + o)] += static_cast<float>(correction);
    }
  }

 private:
  // [columns, depth] of real numbers.
  Matrix Columns() const {
    Matrix columns(inputs_.columns(), depth_);
    for (int64_t i = 0; i < columns.rows(); ++i) {
      const uint8_t* numbers = inputs_.numbers.data() + (i * inputs_.groups + group_) * inputs_.depth + first_;
      for (int64_t k = 0; k < depth_; ++k) {
        columns(i, k) = static_cast<float>(numbers[k] - inputs_.zero_point) * inputs_.scale;
      }
    }
    return columns;
  }

  Matrix Covariance(const Matrix& columns, const Vector& means) const {
    Matrix covariance = Matrix::Zero(depth_, depth_);
    covariance.selfadjointView<Eigen::Lower>().rankUpdate(columns.transpose(),
                                                          1.0F / static_cast<float>(columns.rows()));
    covariance.selfadjointView<Eigen::Lower>().rankUpdate(means, -1.0F);
    covariance = Matrix(covariance.selfadjointView<Eigen::Lower>());
    // Rounding of the inputs is noise that no two of them share.
    const float noise = inputs_.scale * inputs_.scale / 12;
    covariance.diagonal().array() = covariance.diagonal().array().max(0) + noise;
    covariance.diagonal().array() += kDamping * covariance.diagonal().mean();
    return covariance;
  }

  // U, upper triangular, with U^T U = the inverse of the covariance.
  static Matrix InverseFactor(const Matrix& covariance) {
    const Eigen::MatrixXd exact = covariance.cast<double>();
    const Eigen::LLT<Eigen::MatrixXd> factor(exact);
    const Eigen::MatrixXd inverse = factor.solve(Eigen::MatrixXd::Identity(exact.rows(), exact.cols()));
    return Eigen::LLT<Eigen::MatrixXd>(inverse).matrixU().toDenseMatrix().cast<float>();
  }

  // Column k of the result and of `left` is the weight that is rounded as the kth.
  static Matrix RoundInOrder(const Matrix& factor, const Vector& scales, Matrix& left) {
    const Eigen::Index depth = left.cols();
    Matrix numbers(left.rows(), depth);
    for (Eigen::Index begin = 0; begin < depth; begin += kBlock) {
      const Eigen::Index count = std::min(kBlock, depth - begin);
      Matrix lost(left.rows(), count);
      for (Eigen::Index i = 0; i < count; ++i) {
        const Eigen::Index k = begin + i;
        numbers.col(k) = (left.col(k).array() / scales.array()).unaryExpr([](float x) {
          return std::clamp(std::nearbyint(x), -kLargest, kLargest);
        });
        lost.col(i) = (left.col(k).array() - numbers.col(k).array() * scales.array()) / factor(k, k);
        const Eigen::Index rest = count - i - 1;
        left.middleCols(k + 1, rest).noalias() -= lost.col(i) * factor.row(k).segment(k + 1, rest);
      }
      const Eigen::Index rest = depth - begin - count;
      left.rightCols(rest).noalias() -= lost * factor.block(begin, begin + count, count, rest);
    }
    return numbers;
  }

  Matrix Weights(const std::vector<Eigen::Index>& order) const {
    Matrix weights(outputs_, depth_);
    for (int64_t k = 0; k < depth_; ++k) {
      for (int64_t o = 0; o < outputs_; ++o) weights(o, k) = weights_.values[Index(o, order[static_cast<size_t>(k)])];
    }
    return weights;
  }

  // Of the weight between output `output` of the group and number `k` of the part.
  size_t Index(int64_t output, int64_t k) const {
    const int64_t number = first_ + k;
    if (weights_.input_first) return static_cast<size_t>(number * weights_.outputs + output);
    return static_cast<size_t>((group_ * outputs_ + output) * inputs_.depth + number);
  }

  float ScaleOf(const QuantizedWeights& rounded, int64_t output) const {
    return rounded.scales.size() == 1 ? rounded.scales[0]
                                      : rounded.scales[static_cast<size_t>(group_ * outputs_ + output)];
  }

  const LinearWeights& weights_;
  const LayerInputs& inputs_;
  int64_t group_;
  int64_t first_;
  int64_t depth_;
  // Of the group.
  int64_t outputs_;
};

}  // namespace

void RoundToOutput(const LinearWeights& weights, const LayerInputs& inputs, QuantizedWeights& rounded,
                   std::vector<float>* bias) {
  if (bias != nullptr) bias->resize(static_cast<size_t>(weights.outputs));
  for (int64_t group = 0; group < inputs.groups; ++group) {
    for (int64_t first = 0; first < inputs.depth; first += kDeepest) {
      Part(weights, inputs, group, first, std::min(kDeepest, inputs.depth - first)).Round(rounded, bias);
    }
  }
}

}  // namespace joinery::compiler
