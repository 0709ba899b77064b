// All the algebra on C numbers, in float64: sums to statistics, statistics to coefficients.
#pragma once

#include "core/pass.hpp"

namespace bnfast {

// The values of a group's channels, as float64.
class GroupValues {
 public:
  GroupValues(const ChannelValues& values, const Group& group) {
    values.read(group.channel, group.channels, values_);
  }
  const double* data() const { return values_; }
  double operator[](ptrdiff_t i) const { return values_[i]; }

 private:
  double values_[kMaxGroup];
};

// y = (x - mean)*scale + shift; arrays of as many values as there are channels.
struct Normalizations {
  const double *mean, *mean_low, *scale, *shift;  // mean_low: what float64 could not hold of it
};

// Coefficients of y = (x - c0)*c1 + c2, the affine map.
//
// c0 holds the mean to the compute type's precision; what is left of the mean is folded into c2. So
// x - c0 cancels before anything is rounded, and y errs by a few ulp however large mean/std is.
void set_normalizations(Coefficients& to, const Group& group, const Normalizations& maps);
void set_normalization(Coefficients& to, ptrdiff_t c, double mean, double scale, double shift);

// The same map from y = x*scale + shift. Where both fit the compute type, one fma gives the
// correctly rounded result; elsewhere the zero of the map takes the mean's place.
void set_affine(Coefficients& to, ptrdiff_t c, double scale, double shift);

// What a layer has where no array is given.
constexpr double kNoWeight = 1, kNoBias = 0;

// Per-channel arguments of a layer.
struct Parameters {
  ChannelValues weight = ChannelValues::constant(kNoWeight);
  ChannelValues bias = ChannelValues::constant(kNoBias);
};

// The statistics that inference uses.
struct Running {
  ChannelValues mean, var;
  double eps;
};

// scale = weight/sqrt(var + eps) and shift = bias - mean*scale.
void inference_scale_and_shift(const Running& running, const Parameters& parameters,
                               ptrdiff_t channels, double* scale, double* shift);

// Coefficients of y = (x - mean)/sqrt(var + eps)*weight + bias, for channels [begin, end).
void set_inference(Coefficients& to, ptrdiff_t begin, ptrdiff_t end, const Running& running,
                   const Parameters& parameters);

// running = (1 - momentum)*running + momentum*(batch*factor).
void update_running(double* running, const double* batch, ptrdiff_t channels, double momentum,
                    double factor);

// Statistics of some of the values: their count, mean and sum of squared differences from it.
struct PartialMoments {
  double count;
  const double *mean, *m2;
};

// Those of two parts together (Chan, Golub & LeVeque 1983). mean and m2 may be those of a part; of
// no values they are not looked at.
void merge(const PartialMoments& a, const PartialMoments& b, ptrdiff_t channels, double* mean,
           double* m2);

// Whether the exact kernels' sums give `squares`, the sum of squares about the mean, to float64's
// precision; else the channel is to be read again about shift_by_mean.
bool exact_sums_suffice(const Sums& sums, double squares);

// The shift plus the mean of what was shifted by it.
double shift_by_mean(double shift, const Sums& sums, double count);

// Collects mean and population variance; writes an affine map's coefficients where there are any.
class MomentsFold final : public Fold {
 public:
  struct Out {  // each may be null
    double* mean;
    double* var;
    double* invstd;  // 1/sqrt(var + eps)
    Coefficients* coefficients;
  };
  // first_is_exact: the first sums are the exact kernel's already.
  MomentsFold(ptrdiff_t count, double eps, bool first_is_exact, const Parameters& parameters,
              Out out)
      : count_(static_cast<double>(count)),
        eps_(eps),
        first_is_exact_(first_is_exact),
        parameters_(parameters),
        out_(out) {}

  unsigned take(const GroupSums& group, bool exact) override;
  double better_shift(double shift, const Sums& sums) const override;

 private:
  bool accurate(const Sums& sums, double squares) const;

  double count_, eps_;
  bool first_is_exact_;
  Parameters parameters_;
  Out out_;
};

// What the gradient of y = (x - mean)*invstd*weight + bias depends on; arrays of as many values as
// there are channels.
struct Gradients {
  const double *mean, *invstd, *weight, *sum_dy, *sum_dy_xmu;
  double count;
};

// From the sums of dy and dy*(x - mean):
//   dx = weight*invstd * (dy - sum_dy/count - (x - mean)*invstd^2 * sum_dy_xmu/count)
// (Ioffe & Szegedy 2015, section 3, in the two-sum form.)
void set_gradients(Coefficients& to, const Group& group, const Gradients& gradients);

// The coefficients that a gradient needs to find the activation's input again: with
// shift = usable_shift of the mean rounded to the compute type `first`,
// (x - shift)*to[at] + to[at + 1] = (x - mean)*invstd*weight + bias.
void set_activation_input(Coefficients& to, int at, ptrdiff_t c, DType first, double mean,
                          double scale, double bias);

// Where the sums of a gradient go; each may be null.
struct GradientSums {
  double* dy;
  double* dy_xmu;
  double* dweight;  // dy_xmu times invstd
};

// Collects the sums; writes the gradient's coefficients where there are any.
class ProductsFold final : public Fold {
 public:
  struct Statistics {
    ChannelValues mean, invstd;
    Parameters parameters;
    double count;
  };
  ProductsFold(const Statistics& statistics, const GradientSums& out, Coefficients* coefficients)
      : statistics_(statistics), out_(out), coefficients_(coefficients) {}

  unsigned take(const GroupSums& group, bool exact) override;
  double better_shift(double shift, const Sums&) const override { return shift; }

 private:
  bool accurate(const Sums& sums) const;

  Statistics statistics_;
  GradientSums out_;
  Coefficients* coefficients_;  // may be null
};

}  // namespace bnfast
